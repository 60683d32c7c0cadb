"""Web detection with Google's own library, against a local server of its service."""

from __future__ import annotations

import math
import os
import threading

import grpc
import pytest
from google.cloud.vision_v1 import types
from google.rpc import code_pb2

from adapter.cloud.breaker import Breaker, BreakerPolicy, State
from adapter.cloud.cache import Cache, CachePolicy
from adapter.cloud.calling import Guard
from adapter.cloud.endpoint import Endpoint
from adapter.cloud.retry import RetryPolicy
from adapter.cloud.vision import GoogleWebDetector, findings_bytes, plain
from adapter.web_detection import Entity, Page, WebFindings
from model_store import errors
from tests.adapter.cloud.google_services import (
    ANNOTATE,
    GoogleServices,
    never,
    out_of_quota,
    refusing,
    serving,
)

PICTURE = b"\x89PNG a cat"
FOUND = WebFindings(
    guesses=("cat drawing",),
    entities=(Entity("Cat", 1.25), Entity("Whiskers", 0.5)),
    pages=(Page("https://cats.example/1", "How to draw a cat & a dog"),),
    similar=("https://cats.example/1.png",),
)


def web_answer(*_):
    """What Google answers for a cat, with what must be cleaned."""
    web = types.WebDetection
    return answer_of(
        types.AnnotateImageResponse(
            web_detection=web(
                best_guess_labels=[web.WebLabel(label=" cat\tdrawing"), web.WebLabel(label=" ")],
                web_entities=[
                    web.WebEntity(entity_id="/m/2", score=0.5, description="Whiskers"),
                    web.WebEntity(entity_id="/m/1", score=1.25, description="Cat"),
                    web.WebEntity(entity_id="/m/3", score=0.9),
                    web.WebEntity(entity_id="/m/4", score=math.nan, description="Nothing"),
                    web.WebEntity(entity_id="/m/5", score=-1, description="Less"),
                ],
                pages_with_matching_images=[
                    web.WebPage(
                        url="https://cats.example/1",
                        page_title="How to <b>draw</b> a cat &amp; a dog",
                    ),
                    web.WebPage(url="javascript:alert(1)", page_title="x"),
                ],
                visually_similar_images=[
                    web.WebImage(url="https://cats.example/1.png"),
                    web.WebImage(url="data:image/png;base64,AAAA"),
                ],
            )
        )
    )


def answer_of(*responses):
    return types.BatchAnnotateImagesResponse(responses=responses)


def of_the_picture(code, message="bad"):
    """The call succeeds and the one picture in it failed."""
    failed = types.AnnotateImageResponse()
    failed.error.code, failed.error.message = code, message
    return lambda *_: answer_of(failed)


@pytest.fixture
def google():
    return GoogleServices(web_answer)


@pytest.fixture
def detector(google):
    with serving(google) as target:
        yield from opened(Endpoint(target, is_plaintext=True))


def opened(endpoint, timeout_s=20.0):
    """A detector whose breaker and pauses the test can see."""
    pauses: list[float] = []
    guard = Guard(
        Breaker("Google Cloud Vision", BreakerPolicy()),
        RetryPolicy(sleep=pauses.append, jitter=lambda: 0.5),
        timeout_s,
    )
    detector = GoogleWebDetector(endpoint, guard, Cache(CachePolicy(10_000, 60.0), findings_bytes))
    detector.guard, detector.pauses = guard, pauses
    try:
        yield detector
    finally:
        detector.close()


def detect(detector, picture=PICTURE, timeout_s=20.0):
    return detector.detect(picture, timeout_s=timeout_s)


def test_what_the_web_knows_comes_back_clean_and_best_first(detector, google):
    assert detect(detector) == FOUND
    (asked,) = google.asked
    assert asked.method == ANNOTATE
    (request,) = asked.request.requests
    assert request.image.content == PICTURE
    assert [feature.type_ for feature in request.features] == [types.Feature.Type.WEB_DETECTION]


def test_a_picture_about_which_nothing_is_known_has_no_findings(detector, google):
    google.answer = lambda *_: answer_of(types.AnnotateImageResponse())
    assert detect(detector) == WebFindings()


def test_the_same_picture_is_asked_about_once(detector, google):
    assert detect(detector) == detect(detector)
    detect(detector, b"another")
    assert len(google.asked) == 2


def test_many_who_ask_about_one_picture_at_once_are_one_call(detector, google):
    arrived, go_on = threading.Event(), threading.Event()

    def hold(*call):
        arrived.set()
        go_on.wait()
        return web_answer(*call)

    google.answer = hold
    found = []
    threads = [threading.Thread(target=lambda: found.append(detect(detector))) for _ in range(6)]
    for thread in threads:
        thread.start()
    arrived.wait()
    go_on.set()
    for thread in threads:
        thread.join()
    assert found == [FOUND] * 6
    assert len(google.asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusing(grpc.StatusCode.UNAVAILABLE), errors.ServiceUnreachable, "does not answer"),
        (refusing(grpc.StatusCode.PERMISSION_DENIED), errors.AccessRefused, "let us in"),
        (refusing(grpc.StatusCode.UNAUTHENTICATED), errors.AccessRefused, "let us in"),
        (refusing(grpc.StatusCode.FAILED_PRECONDITION), errors.AccessRefused, "let us in"),
        (refusing(grpc.StatusCode.INTERNAL), errors.BadAnswer, "failed"),
        (refusing(grpc.StatusCode.UNKNOWN), errors.BadAnswer, "failed"),
        (refusing(grpc.StatusCode.UNIMPLEMENTED), errors.BadAnswer, "failed"),
        (refusing(grpc.StatusCode.DEADLINE_EXCEEDED), errors.DeadlineExceeded, "in time"),
        (refusing(grpc.StatusCode.INVALID_ARGUMENT, "odd"), errors.InvalidRequest, "odd"),
        (refusing(grpc.StatusCode.RESOURCE_EXHAUSTED), errors.QuotaExceeded, "quota"),
        (of_the_picture(code_pb2.INVALID_ARGUMENT, "Bad image data."), errors.InvalidRequest,
         "Bad image data"),
        (of_the_picture(code_pb2.RESOURCE_EXHAUSTED), errors.QuotaExceeded, "quota"),
        (of_the_picture(code_pb2.PERMISSION_DENIED), errors.AccessRefused, "let us in"),
        (of_the_picture(code_pb2.UNAVAILABLE), errors.ServiceUnreachable, "does not answer"),
        (of_the_picture(code_pb2.INTERNAL), errors.BadAnswer, "failed"),
        (of_the_picture(9999), errors.BadAnswer, "failed"),
        (lambda *_: b"\xff\xff\xff\xff", errors.BadAnswer, "failed"),
        (lambda *_: answer_of(), errors.BadAnswer, "for 0 pictures"),
        (lambda *_: answer_of(*[types.AnnotateImageResponse()] * 2), errors.BadAnswer, "for 2"),
        (lambda *_: b"\x00" * (65 * 1024 * 1024), errors.BadAnswer, "failed"),
    ],
)  # fmt: skip
def test_each_failure_is_told_apart(detector, google, answer, kind, words):
    google.answer = answer
    with pytest.raises(kind, match=words) as failed:
        detect(detector)
    assert type(failed.value) is kind


def test_what_google_says_of_our_project_is_logged_and_not_told(detector, google, caplog):
    google.answer = refusing(grpc.StatusCode.PERMISSION_DENIED, "billing of project 4711 is off")
    with pytest.raises(errors.AccessRefused) as failed:
        detect(detector)
    assert "4711" not in str(failed.value)
    assert "billing of project 4711 is off" in caplog.text


def test_an_unavailable_service_is_asked_again_and_then_answers(detector, google):
    google.answer = refusing(grpc.StatusCode.UNAVAILABLE, times=2, then=web_answer)
    assert detect(detector) == FOUND
    assert detector.pauses == [0.05, 0.1]
    assert detector.guard.breaker.state is State.CLOSED


@pytest.mark.parametrize(
    "status",
    [
        grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.INVALID_ARGUMENT,
    ],
)  # fmt: skip
def test_what_may_have_been_done_and_paid_for_is_not_asked_again(detector, google, status):
    google.answer = refusing(status)
    with pytest.raises(errors.EaselError):
        detect(detector)
    assert len(google.asked) == 1


def test_a_slow_service_is_given_up_at_the_callers_deadline(detector, google):
    google.answer = never
    with pytest.raises(errors.DeadlineExceeded):
        detect(detector, timeout_s=0.2)
    assert detector.guard.breaker.state is State.CLOSED


def test_the_deadline_goes_to_google_with_the_call(detector, google):
    left = []

    def look(method, request, context):
        left.append(context.time_remaining())
        return web_answer()

    google.answer = look
    detect(detector, timeout_s=3.0)
    detect(detector, b"patient", timeout_s=1000.0)
    # gRPC rounds what it sends up.
    assert left[0] < 4.0
    assert left[1] < detector.guard.timeout_s + 1.0


def test_a_quota_says_when_to_come_back_and_until_then_nobody_asks(detector, google):
    google.answer = out_of_quota(pause_s=77)
    with pytest.raises(errors.QuotaExceeded) as failed:
        detect(detector)
    assert failed.value.retry_after_s == 77.0
    google.answer = web_answer
    with pytest.raises(errors.QuotaExceeded, match="left alone for now.*quota") as refused:
        detect(detector)
    assert 70 < refused.value.retry_after_s <= 77.0
    assert len(google.asked) == 1


def test_after_failures_in_a_row_google_is_left_alone(detector, google):
    google.answer = refusing(grpc.StatusCode.INTERNAL)
    for _ in range(5):
        with pytest.raises(errors.BadAnswer):
            detect(detector)
    with pytest.raises(errors.ServiceUnavailable, match="left alone"):
        detect(detector)
    assert len(google.asked) == 5


def test_pictures_that_google_cannot_read_leave_the_breaker_closed(detector, google):
    google.answer = of_the_picture(code_pb2.INVALID_ARGUMENT)
    for number in range(8):
        with pytest.raises(errors.InvalidRequest):
            detect(detector, str(number).encode())
    assert len(google.asked) == 8


def test_an_address_where_nobody_listens_is_unavailable(google):
    with serving(google) as target:
        pass
    for detector in opened(Endpoint(target, is_plaintext=True)):
        with pytest.raises(errors.ServiceUnreachable):
            detect(detector)


def test_a_forked_process_opens_a_channel_of_its_own(detector, google):
    assert detect(detector) == FOUND
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # nothing of pytest may run here
        try:
            os.write(writer, b"same" if detect(detector, b"other") == FOUND else b"different")
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        assert answer.read() == b"same"
    os.waitpid(child, 0)
    assert detect(detector, b"third") == FOUND


def test_a_title_is_one_line_of_plain_text_of_bounded_length():
    assert plain("a\n <b>b</b>\t&lt;c&gt; ") == "a b <c>"
    assert plain("x" * 1000) == "x" * 299 + "…"
    assert plain("<<b>script</b>>") == "<script>"


def test_findings_take_about_what_their_texts_take():
    assert findings_bytes(WebFindings()) == 0
    assert 600 < findings_bytes(FOUND) < 1000
