"""Google's services are switched on by credentials alone: settings, wiring, the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import pytest

from adapter.cloud.calling import Watch
from adapter.cloud.credentials import find_credentials
from adapter.cloud.opening import open_detector, open_speaker
from adapter.config import GoogleConfig, SpeechConfig
from adapter.wiring import open_local_speaker
from model_store.errors import InvalidRequest
from tests.adapter.cloud.google_services import (
    ANNOTATE,
    SYNTHESIZE,
    Authority,
    GoogleServices,
    MetadataServer,
    ServiceAccount,
    TokenEndpoint,
    serving,
)
from tests.adapter.cloud.test_vision import web_answer
from tests.adapter.services.test_aivoice import speech_answer
from tests.adapter.speech.sound import listen
from tests.model_store.pictures import encode, photo
from tests.support import BUNDLED_STORE, ROOT, easel, free_port, wait_until_it_answers


@pytest.mark.parametrize("opening", [open_detector, open_speaker])
def test_auto_follows_the_credentials_and_off_is_off(opening):
    assert opening(GoogleConfig(), None, Watch()) is None
    assert opening(GoogleConfig("off", "off"), "the file x", Watch()) is None
    for config in (GoogleConfig(), GoogleConfig("on", "on")):
        opened = opening(config, "the file x", Watch())
        assert opened is not None
        opened.close()


@pytest.mark.parametrize(
    ("opening", "setting"), [(open_detector, "vision"), (open_speaker, "text_to_speech")]
)
def test_on_without_credentials_is_refused_with_what_to_do(opening, setting):
    words = f"google.{setting} is on.*GOOGLE_APPLICATION_CREDENTIALS"
    with pytest.raises(InvalidRequest, match=words):
        opening(GoogleConfig("on", "on"), None, Watch())
    assert opening(GoogleConfig("on", "on", plaintext=True), None, Watch()) is not None


def test_a_file_of_authorities_that_is_not_there_is_told_at_the_start(tmp_path):
    config = GoogleConfig(tls_ca=str(tmp_path / "none.pem"))
    with pytest.raises(InvalidRequest, match=r"google.tls_ca: there is no file .*none.pem"):
        open_detector(config, "the file x", Watch())


@pytest.mark.parametrize(
    "wrong", [{"timeout_s": 0.0}, {"cache_ttl_s": -1.0}, {"cache_bytes": -1}, {"timeout_s": -2.0}]
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(InvalidRequest, match="google_timeout_s"):
        GoogleConfig(**wrong)


@pytest.mark.parametrize("wrong", [{"max_text_bytes": 0}, {"max_waiting": -1}])
def test_speech_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(InvalidRequest, match="speech_max"):
        SpeechConfig(**wrong)


def test_the_engine_here_can_be_switched_off():
    assert open_local_speaker(SpeechConfig("off")) is None
    assert open_local_speaker(SpeechConfig("on")) is not None


WITHOUT = """
import sys
sys.modules |= {"google.cloud.vision_v1": None, "espeakng_loader": None}
import logging
logging.basicConfig()
from adapter.config import GoogleConfig, SpeechConfig
from adapter.cloud.calling import Watch
from adapter.cloud.opening import open_detector
from adapter.wiring import open_local_speaker
print(open_detector(GoogleConfig(), "the file x", Watch()))
print(open_local_speaker(SpeechConfig()))
for opening in (lambda: open_detector(GoogleConfig("on"), "the file x", Watch()),
                lambda: open_local_speaker(SpeechConfig("on"))):
    try:
        opening()
    except Exception as error:
        print(error)
"""


def test_where_the_optional_packages_are_missing_it_is_said_which():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": "/nonexistent"},
    )  # fmt: skip
    google, engine, needs_google, needs_engine = done.stdout.splitlines()
    assert (google, engine) == ("None", "None")
    assert "pip install 'easel[google]'" in needs_google
    assert "pip install espeakng-loader" in needs_engine
    assert "pip install 'easel[google]'; or set google.vision to off" in done.stderr


def answer(method, request, context):
    """Both services, for those who bring the token endpoint's token."""
    token = dict(context.invocation_metadata())["authorization"]
    assert token.startswith("Bearer token-")
    return (web_answer if method == ANNOTATE else speech_answer)(method, request, context)


@contextmanager
def key_file(folder):
    """Credentials as a service account's key file, and who exchanges it for tokens."""
    with TokenEndpoint().running() as tokens:
        account = ServiceAccount.make(folder, tokens.url)
        yield {"GOOGLE_APPLICATION_CREDENTIALS": str(account.file)}


@contextmanager
def machine_at_google(folder):
    """Credentials as a machine at Google has them."""
    with MetadataServer().running() as metadata:
        yield {"GCE_METADATA_HOST": metadata.host, "GCE_METADATA_IP": metadata.host}


@pytest.mark.parametrize("credentials", [key_file, machine_at_google])
def test_credentials_are_all_that_the_command_needs(tmp_path, credentials):
    authority = Authority.make(tmp_path)
    google = GoogleServices(answer)
    port = free_port()
    with serving(google, authority.server) as target, credentials(tmp_path) as found:
        environ = {
            **found,
            "EASEL_GOOGLE_VISION_ENDPOINT": target,
            "EASEL_GOOGLE_TEXT_TO_SPEECH_ENDPOINT": target,
            "EASEL_GOOGLE_TLS_CA": str(authority.pem),
            "EASEL_GOOGLE_TIMEOUT_S": "60",
            "EASEL_ADAPTER_TIMEOUT_S": "90",
        }
        arguments = ["--store", str(BUNDLED_STORE), "--services", "visionapi,aivoice"]
        with easel("adapter", *arguments, "--port", str(port), env=environ) as adapter:
            wait_until_it_answers(adapter, port)
            tags = json.loads(post(port, "/api/visionapi", encode(photo())))
            speech = post(port, "/api/aivoice", b'{"text": "hello", "format": "wav"}')
    assert (tags["label"], tags["degraded"]) == ("cat drawing", ["tagging"])
    assert listen(speech).sample_rate_hz == 24_000
    assert {asked.method for asked in google.asked} == {ANNOTATE, SYNTHESIZE}


def post(port: int, path: str, body: bytes) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body)
    with urllib.request.urlopen(request, timeout=100) as response:
        return response.read()


def test_this_machine_is_not_googles_or_says_so(tmp_path):
    """The answer is the machine's own; that there is one without waiting is the point."""
    assert find_credentials({"NO_GCE_CHECK": "true"}, tmp_path) is None
    assert find_credentials(dict(os.environ), tmp_path) in {None, "the metadata server"}
