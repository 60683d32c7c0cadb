"""``/api/feedback``: what people say is right, of an answer or of a picture."""

from __future__ import annotations

import base64
import json
import re

import pytest

from adapter.app import create_app
from adapter.config import AdapterConfig, FeedbackConfig, Settings
from adapter.feedback.reading import Passed, read_log
from adapter.wiring import build_parts
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, sure_of
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT, encode, photo, three
from tests.support import ROOT

DRAWING = base64.b64encode(encode(three())).decode()


@pytest.fixture
def store(tmp_path):
    publish(tmp_path / "models", DIGIT, tuple("0123456789"))
    return tmp_path / "models"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


class Builder:
    """Makes applications over the store, and ends their logs."""

    def __init__(self, store):
        self._store = store
        self._made = []

    def __call__(self, **feedback):
        settings = Settings(AdapterConfig(store=self._store), feedback=FeedbackConfig(**feedback))
        server = FakeModelServer({ModelVersion("numbers", 1): sure_of(8, DIGIT)})
        self._made.append(build_parts(settings, server))
        return create_app(self._made[-1]).test_client()

    def close(self):
        for parts in self._made:
            if parts.recorder is not None:
                parts.recorder.close()


@pytest.fixture
def build(store):
    builder = Builder(store)
    yield builder
    builder.close()


@pytest.fixture
def client(build, log):
    return build(log=str(log))


def answer(client, **headers):
    response = client.post("/api/numbers", json={"base64_drawing": DRAWING}, headers=headers)
    assert response.status_code == 200
    return response.headers["X-Request-Id"]


def say(client, **said):
    return client.post("/api/feedback", json=said)


def error(response, status):
    assert response.status_code == status, response.data
    assert response.get_json()["msg"]
    return response.get_json()["error"]["message"]


def test_an_answer_is_corrected_by_its_request_id(client):
    request_id = answer(client)
    response = say(client, request_id=request_id, label="3")
    assert response.status_code == 200
    assert response.get_json() == {
        "request_id": request_id,
        "label": "3",
        "known": True,
        "model": {"name": "numbers", "version": 1},
        "msg": "Thank you! The right answer was noted.",
    }


def test_the_log_has_the_answer_and_the_correction(client, build, log):
    request_id = answer(client, **{"X-Request-Id": "mine-1"})
    say(client, request_id=request_id, label="3")
    say(client, base64_drawing=DRAWING, label="cat", model="numbers")
    build.close()
    asked, corrected, shown = read_log(log, Passed())
    assert request_id == asked.request_id == corrected.request_id == "mine-1"
    assert [one.kind for one in (asked, corrected, shown)] == ["request", "feedback", "feedback"]
    assert (asked.label, asked.options["top_k"], asked.image) == ("8", 10, encode(three()))
    assert asked.answer["predictions"][0] == {"label": "8", "score": asked.answer["score"]}
    assert (corrected.label, corrected.known, corrected.image) == ("3", True, b"")
    assert (shown.label, shown.known, shown.image) == ("cat", False, encode(three()))
    assert {(one.model, one.version) for one in (asked, corrected, shown)} == {("numbers", 1)}


def test_the_answer_in_the_readme_is_the_real_one(client):
    readme = (ROOT / "README.md").read_text("utf-8")
    (sent, shown) = re.search(
        r"/api/feedback -d '(.+?)'\n```\n```json\n(.+?)```", readme, re.DOTALL
    ).groups()
    said = {**json.loads(sent), "request_id": answer(client)}
    assert say(client, **said).get_json() == {**json.loads(shown), "request_id": said["request_id"]}


def test_an_explanation_is_no_answer_of_its_own(client, build, log):
    answer(client)
    assert client.post("/api/numbers/explain", data=encode(three())).status_code == 200
    build.close()
    assert [one.operation for one in read_log(log, Passed())] == ["recognise-numbers"]


def test_a_picture_is_given_a_label_without_any_answer(client):
    response = say(client, base64_drawing=DRAWING, label="3", model="numbers")
    assert response.get_json()["known"] is True
    assert response.get_json()["model"] == {"name": "numbers", "version": 1}
    assert response.get_json()["request_id"] == response.headers["X-Request-Id"]


def test_with_both_the_answer_is_corrected_if_it_was_kept_and_else_the_picture(build, log):
    client = build(log=str(log))
    both = {"base64_drawing": DRAWING, "model": "numbers", "label": "3"}
    kept = answer(client)
    assert say(client, request_id=kept, **both).get_json()["request_id"] == kept
    other = say(client, request_id="not kept", **both)
    assert other.get_json()["request_id"] == other.headers["X-Request-Id"]
    build.close()
    pictures = [bool(one.image) for one in read_log(log, Passed()) if one.kind == "feedback"]
    assert pictures == [False, True]


def test_the_page_offers_corrections_where_they_are_kept(build, log):
    assert b"POST /api/feedback" not in build().get("/").data
    assert b"POST /api/feedback" in build(log=str(log)).get("/").data


def test_words_that_the_version_does_not_have_are_noted_as_such(client):
    assert say(client, request_id=answer(client), label=" 고양이 ").get_json()["label"] == "고양이"
    assert say(client, request_id=answer(client), label="cat").get_json()["known"] is False
    assert say(client, request_id=answer(client), label="30 8").get_json()["known"] is True


def test_koreans_are_thanked_in_korean(client):
    body = json.dumps({"request_id": answer(client), "label": "3"})
    response = client.post("/api/feedback", data=body, headers={"Accept-Language": "ko"})
    assert response.get_json()["msg"] == "고마워요! 정답을 기록했어요."


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({}, "label"),
        ({"label": "3"}, 'send "request_id", or "base64_drawing" and "model"'),
        ({"label": "3", "request_id": "x", "base64_drawing": "AAAA"}, '"model" is missing'),
        ({"label": "3", "base64_drawing": "data:image/png;base64,", "model": "numbers"}, "image"),
        ({"label": "", "request_id": "x"}, "label"),
        ({"label": "  ", "request_id": "x"}, "must be a line of text"),
        ({"label": "a\nb", "request_id": "x"}, "must be a line of text"),
        ({"label": "x" * 201, "request_id": "x"}, "label"),
        ({"label": 3, "request_id": "x"}, "label"),
        ({"label": "3", "request_id": "x" * 129}, "request_id"),
        ({"label": "3", "base64_drawing": DRAWING}, '"model" is missing'),
        ({"label": "3", "base64_drawing": "!!", "model": "numbers"}, "is not base64"),
        ({"label": "3", "base64_drawing": "AAAA", "model": "numbers"}, "not an image"),
        ({"label": "3", "base64_drawing": DRAWING, "model": "../up"}, "cannot name a model"),
        ({"label": "3", "base64_drawing": DRAWING, "model": "numbers", "version": 0}, "version"),
    ],
)
def test_what_cannot_be_noted_is_told_why(client, said, complaint):
    assert complaint in error(say(client, **said), 400)


def test_an_empty_picture_is_no_example_of_anything(client):
    blank = base64.b64encode(encode(photo().point(lambda _: 255))).decode()
    assert "empty" in error(say(client, label="3", base64_drawing=blank, model="numbers"), 400)


@pytest.mark.parametrize("named", [{"model": "cats"}, {"model": "numbers", "version": 9}])
def test_a_model_or_version_that_is_not_there_is_not_found(client, named):
    assert error(say(client, label="3", base64_drawing=DRAWING, **named), 404)


def test_an_answer_that_was_not_kept_is_not_found_and_says_what_else_to_do(build, log):
    client = build(log=str(log), share=0.0)
    message = error(say(client, request_id=answer(client), label="3"), 404)
    assert 'send the picture itself as "base64_drawing"' in message


def test_without_a_log_feedback_is_not_found_and_says_how_to_switch_it_on(build):
    client = build()
    response = say(client, request_id=answer(client), label="3")
    assert "--feedback_log" in error(response, 404)
    assert "corrected" in response.get_json()["msg"]


def test_what_became_of_the_records_is_counted_for_prometheus(client):
    say(client, request_id=answer(client), label="3")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'easel_adapter_log_records_total{fate="written"}' in text


def test_more_than_so_many_a_minute_are_too_many(build, log):
    client = build(log=str(log), per_minute=2)
    statuses = [say(client, request_id="x", label="3").status_code for _ in range(3)]
    assert statuses == [404, 404, 429]
    assert "more than 2 requests in 60 s" in error(say(client, request_id="x", label="3"), 429)


def test_every_answer_has_an_id_and_one_that_could_break_a_log_is_not_taken_over(client):
    assert client.get("/healthz").headers["X-Request-Id"]
    for sent in ("x" * 129, "a b", "<script>", ""):
        got = client.get("/healthz", headers={"X-Request-Id": sent}).headers["X-Request-Id"]
        assert got != sent
        assert len(got) == 32


def test_nothing_of_an_answer_or_a_correction_is_in_any_other_log(build, log, caplog, capfd):
    caplog.set_level("DEBUG")
    client = build(log=str(log), queue_bytes=9000)
    say(client, request_id=answer(client), label="secret words")
    say(client, request_id="x", label="secret words")
    say(client, base64_drawing=DRAWING, label="secret words", model="no such model")
    build.close()
    told = "".join([caplog.text, *capfd.readouterr()])
    assert "secret words" not in told
    assert DRAWING[:40] not in told
