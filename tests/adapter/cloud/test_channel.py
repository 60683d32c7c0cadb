"""Application default credentials for real: a key file, a token endpoint, TLS with our own CA."""

from __future__ import annotations

import time
from dataclasses import replace

import grpc
import jwt
import pytest
from google.cloud.vision_v1 import types

from adapter.cloud.breaker import Breaker, BreakerPolicy
from adapter.cloud.cache import Cache, CachePolicy
from adapter.cloud.calling import Guard
from adapter.cloud.channel import SCOPES
from adapter.cloud.endpoint import Endpoint
from adapter.cloud.retry import RetryPolicy
from adapter.cloud.vision import GoogleWebDetector, findings_bytes
from adapter.web_detection import WebFindings
from model_store import errors
from tests.adapter.cloud.clocks import Clock
from tests.adapter.cloud.google_services import (
    Authority,
    GoogleServices,
    ServiceAccount,
    TokenEndpoint,
    serving,
)


def only_for(tokens):
    """Answers who brings a token out of *tokens*, as Google does."""

    def answer(method, request, context):
        metadata = dict(context.invocation_metadata())
        if metadata.get("authorization") not in {f"Bearer {token}" for token in tokens}:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "invalid authentication credentials")
        return types.BatchAnnotateImagesResponse(responses=[types.AnnotateImageResponse()])

    return answer


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def google():
    return GoogleServices(only_for({"token-1", "token-2"}))


@pytest.fixture
def tokens():
    with TokenEndpoint().running() as endpoint:
        yield endpoint


@pytest.fixture
def account(tmp_path, tokens, monkeypatch):
    made = ServiceAccount.make(tmp_path, tokens.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(made.file))
    return made


@pytest.fixture
def endpoint(google, authority):
    with serving(google, authority.server) as target:
        yield Endpoint(target, tls_ca=authority.pem)


@pytest.fixture
def detector(endpoint):
    yield from opened(endpoint)


def opened(endpoint, clock=time.monotonic):
    retries = RetryPolicy(sleep=lambda _: None)
    guard = Guard(Breaker("Google Cloud Vision", BreakerPolicy(), clock), retries, 30.0)
    detector = GoogleWebDetector(endpoint, guard, Cache(CachePolicy(0, 0.0), findings_bytes))
    try:
        yield detector
    finally:
        detector.close()


def test_the_key_file_is_exchanged_for_a_token_that_goes_with_each_call(
    detector, google, tokens, account
):
    for number in range(3):
        assert detector.detect(bytes([number]), timeout_s=20.0) == WebFindings()
    assert [call.metadata["authorization"] for call in google.asked] == ["Bearer token-1"] * 3
    (assertion,) = tokens.assertions
    claims = jwt.decode(
        assertion, account.key.public_key(), algorithms=["RS256"], options={"verify_aud": False}
    )
    assert claims["iss"] == "adapter@easel-test.iam.gserviceaccount.com"
    assert claims["scope"] == " ".join(SCOPES)


def test_a_token_that_expires_is_fetched_anew(detector, google, tokens, account):
    tokens.lifetime_s = 1
    for number in range(2):
        detector.detect(bytes([number]), timeout_s=20.0)
    sent = [call.metadata["authorization"] for call in google.asked]
    assert sent == ["Bearer token-1", "Bearer token-2"]


def test_credentials_that_are_refused_are_told_apart_and_not_asked_with_again(
    detector, google, tokens, account, caplog
):
    tokens.status = 400
    with pytest.raises(errors.AccessRefused, match="does not let us in"):
        detector.detect(b"1", timeout_s=20.0)
    assert "Invalid JWT Signature" in caplog.text
    asked = len(tokens.assertions)
    with pytest.raises(errors.ServiceUnavailable, match="left alone"):
        detector.detect(b"2", timeout_s=20.0)
    assert len(tokens.assertions) == asked
    assert not google.asked


def test_who_is_refused_comes_again_with_a_new_token_when_it_is_time(
    endpoint, google, tokens, account
):
    google.answer, clock = only_for({"token-2"}), Clock()
    for detector in opened(endpoint, clock):
        with pytest.raises(errors.AccessRefused):
            detector.detect(b"1", timeout_s=20.0)
        with pytest.raises(errors.ServiceUnavailable, match="left alone"):
            detector.detect(b"1", timeout_s=20.0)
        clock.sleep(30.0)
        assert detector.detect(b"1", timeout_s=20.0) == WebFindings()
    assert len(tokens.assertions) == len(google.asked) == 2


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"type": "service_account"}'])
def test_a_key_file_that_cannot_be_used_is_no_access(detector, tmp_path, monkeypatch, content):
    file = tmp_path / "broken.json"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(errors.AccessRefused, match="no usable Google credentials"):
        detector.detect(b"1", timeout_s=20.0)


def test_a_server_that_our_authority_has_not_signed_gets_neither_token_nor_picture(
    endpoint, google, account, tmp_path
):
    other = Authority.make(tmp_path)
    for detector in opened(replace(endpoint, tls_ca=other.pem)):
        with pytest.raises(errors.ServiceUnreachable):
            detector.detect(b"1", timeout_s=20.0)
    assert not google.asked


def test_a_file_of_authorities_that_has_gone_is_our_trouble_and_named_in_the_log(
    endpoint, account, tmp_path, caplog
):
    for detector in opened(replace(endpoint, tls_ca=tmp_path / "none.pem")):
        with pytest.raises(errors.AccessRefused) as refused:
            detector.detect(b"1", timeout_s=20.0)
    assert "none.pem" not in str(refused.value)
    assert "google.tls_ca: " in caplog.text
