"""``/api/visionapi`` over a local server of Google's service and a fake model server."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from adapter.app import create_app
from adapter.config import AdapterConfig, GoogleConfig, Settings, SpeechConfig
from adapter.wiring import build_parts
from model_store import errors
from model_store.spec import ModelVersion
from tests.adapter.cloud.google_services import (
    GoogleServices,
    never,
    out_of_quota,
    refusing,
    serving,
)
from tests.adapter.cloud.test_vision import web_answer
from tests.adapter.stores import publish, spec_of
from tests.fakes import FakeModelServer, FakeServable, always
from tests.model_store.pictures import COLOUR, encode, photo

LABELS = ("dog", "cat", "tree")
PICTURE = encode(photo())


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("tags") / "models"
    publish(root, COLOUR, LABELS, name="tagging", classes=3)
    return root


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def server():
    return FakeModelServer(
        {ModelVersion("tagging", 1): always(0.1, 0.5, 0.0, image=spec_of(COLOUR))}
    )


@pytest.fixture
def google():
    return GoogleServices(web_answer)


@pytest.fixture
def over(google, server):
    """Makes a client of the service over *store*, with Google where there is an address."""
    with serving(google) as target:

        def make(store, *, has_google=True, threads=4, **settings):
            config = GoogleConfig(
                vision="on" if has_google else "off", vision_endpoint=target, plaintext=True,
                text_to_speech="off", **settings,
            )  # fmt: skip
            adapter = AdapterConfig(store=store, services=("visionapi",), threads=threads)
            parts = build_parts(Settings(adapter, config, SpeechConfig("off")), server)
            opened.append(parts.vision)
            return create_app(parts).test_client()

        opened = []
        yield make
        for detector in filter(None, opened):
            detector.close()


def tag(client, picture=PICTURE, query="", **headers):
    return client.post(f"/api/visionapi{query}", data=picture, headers=headers)


def test_the_web_and_our_model_are_one_answer(over, store):
    response = tag(over(store))
    assert response.status_code == 200
    body = response.get_json()
    assert list(body) == [
        "label", "score", "predictions", "best_guess", "entities", "pages", "similar", "model",
        "degraded", "msg",
    ]  # fmt: skip
    assert [(one["label"], one["sources"]) for one in body["predictions"]] == [
        ("cat drawing", ["vision"]), ("Cat", ["vision", "tagging"]), ("Whiskers", ["vision"]),
        ("dog", ["tagging"]), ("tree", ["tagging"]),
    ]  # fmt: skip
    assert (body["label"], body["score"]) == ("cat drawing", 1.0)
    assert body["best_guess"] == "cat drawing"
    assert body["entities"] == [
        {"label": "Cat", "score": 1.25}, {"label": "Whiskers", "score": 0.5}
    ]  # fmt: skip
    page = {"url": "https://cats.example/1", "title": "How to draw a cat & a dog"}
    assert body["pages"] == [page]
    assert body["similar"] == ["https://cats.example/1.png"]
    assert body["model"] == {"name": "tagging", "version": 1}
    assert body["degraded"] == []
    assert body["msg"] == "This is what the picture shows."


def test_while_google_is_waited_for_others_work(over, store, google):
    together = threading.Barrier(2)

    def answer(*call):
        together.wait(20)
        return web_answer(*call)

    google.answer = answer
    client = over(store, threads=1)
    with ThreadPoolExecutor(2) as callers:
        pictures = (PICTURE, encode(photo().rotate(180)))
        answered = list(callers.map(lambda picture: tag(client, picture).get_json(), pictures))
    assert [each["degraded"] for each in answered] == [[], []]


def test_both_are_asked_at_the_same_time(over, store, server, google):
    google_asked, model_asked = threading.Event(), threading.Event()

    def answer(*call):
        google_asked.set()
        model_asked.wait()
        return web_answer(*call)

    def run(inputs):
        model_asked.set()
        google_asked.wait()
        return always(0.1, 0.5, 0.0, image=spec_of(COLOUR)).run(inputs)

    google.answer = answer
    server.servables = {ModelVersion("tagging", 1): FakeServable(spec_of(COLOUR), run)}
    assert tag(over(store)).get_json()["degraded"] == []


def assert_model_only(response):
    body = response.get_json()
    assert response.status_code == 200
    assert body["degraded"] == ["vision"]
    assert [one["label"] for one in body["predictions"]] == ["cat", "dog", "tree"]
    assert (body["label"], body["score"]) == ("cat", pytest.approx(0.5))
    assert (body["best_guess"], body["entities"], body["pages"], body["similar"]) == (
        None, [], [], [],
    )  # fmt: skip
    assert "not everybody" in body["msg"]


@pytest.mark.parametrize(
    "answer",
    [
        refusing(grpc.StatusCode.UNAVAILABLE), refusing(grpc.StatusCode.INTERNAL),
        refusing(grpc.StatusCode.PERMISSION_DENIED), refusing(grpc.StatusCode.INVALID_ARGUMENT),
        out_of_quota(60), lambda *_: b"\xff\xff",
    ],
    ids=["down", "failing", "refused", "unreadable", "quota", "malformed"],
)  # fmt: skip
def test_when_google_fails_the_answer_is_our_models_and_says_so(over, store, google, answer):
    google.answer = answer
    assert_model_only(tag(over(store)))


def test_when_google_is_slow_the_answer_is_our_models_and_says_so(over, store, google):
    google.answer = never
    assert_model_only(tag(over(store, timeout_s=0.2)))


def test_a_caller_in_a_hurry_does_not_wait_for_google(over, store, google):
    google.answer = never
    assert_model_only(tag(over(store), **{"X-Request-Timeout-Ms": "700"}))


def test_when_google_is_not_configured_the_answer_is_our_models_and_says_so(over, store, google):
    assert_model_only(tag(over(store, has_google=False)))
    assert not google.asked


def test_when_our_model_is_missing_the_answer_is_the_webs_and_says_so(over, empty, server, store):
    body = tag(over(empty)).get_json()
    assert body["degraded"] == ["tagging"]
    assert [one["label"] for one in body["predictions"]] == ["cat drawing", "Cat", "Whiskers"]
    assert body["model"] is None
    server.failure = errors.ServerUnreachable("the model server does not answer")
    assert tag(over(store), encode(photo(9, 9))).get_json()["degraded"] == ["tagging"]


def test_when_nobody_can_be_asked_it_is_a_503_that_says_why(over, empty, google):
    response = tag(over(empty, has_google=False))
    error = response.get_json()["error"]
    assert (response.status_code, error["code"]) == (503, "UNAVAILABLE")
    assert "Vision is not configured" in error["message"]
    assert "no model 'tagging'" in error["message"]
    google.answer = out_of_quota(60)
    response = tag(over(empty), **{"Accept-Language": "ko"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert response.get_json()["msg"].startswith("필요한 서비스를")


def test_a_picture_about_which_nobody_knows_anything_has_the_old_null(over, empty, google):
    google.answer = lambda *_: web_answer_of_nothing()
    body = tag(over(empty)).get_json()
    assert (body["label"], body["score"], body["predictions"]) == ("null", 0.0, [])
    assert body["msg"] == "Nothing in the picture was recognised."


def web_answer_of_nothing():
    answer = web_answer()
    answer.responses[0].web_detection = None
    return answer


@pytest.mark.parametrize("has_google", [True, False])
def test_what_is_no_picture_is_refused_and_not_sent(over, store, google, has_google):
    response = tag(over(store, has_google=has_google), b"\x89PNG\r\n\x1a\n and nothing")
    assert response.status_code == 400
    assert not google.asked


def test_without_our_model_a_broken_picture_is_refused_all_the_same(over, empty, google):
    response = tag(over(empty), b"\x89PNG\r\n\x1a\n and nothing")
    assert response.status_code == 400
    assert not google.asked


def test_as_many_predictions_are_answered_as_are_asked_for(over, store):
    body = tag(over(store), query="?top_k=2").get_json()
    assert len(body["predictions"]) == 2
    assert len(body["entities"]) == 2


def test_the_old_key_and_the_old_get_keep_working(over, store):
    client = over(store)
    assert client.get("/api/visionapi").status_code == 400
    assert client.get("/api/visionapi").get_json()["label"] == "null"
    body = {"base64_drawing": "data:image/png;base64,!"}
    assert client.post("/api/visionapi", json=body).status_code == 400


def test_the_same_picture_is_paid_for_once(over, store, google):
    client = over(store)
    assert tag(client).data == tag(client).data
    assert len(google.asked) == 1


def test_how_google_answered_is_counted_and_a_quota_by_its_own_name(over, store, google):
    client = over(store)
    tag(client)
    google.answer = out_of_quota(60)
    tag(client, encode(photo(8, 8)))
    tag(client, encode(photo(9, 9)))
    page = client.get("/metrics").get_data(as_text=True)
    for outcome in ("ok", "quota", "not_asked"):
        labels = f'outcome="{outcome}",outside="Google Cloud Vision"'
        assert f"easel_adapter_outside_seconds_count{{{labels}}} 1.0" in page
