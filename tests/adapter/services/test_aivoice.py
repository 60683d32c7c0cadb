"""``/api/aivoice`` over a local server of Google's service and the real local engine."""

from __future__ import annotations

import base64
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.cloud.texttospeech_v1 import types
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.app import create_app
from adapter.config import AdapterConfig, GoogleConfig, Settings, SpeechConfig
from adapter.wiring import build_parts
from tests.adapter.cloud.google_services import (
    LIST_VOICES,
    SYNTHESIZE,
    GoogleServices,
    never,
    out_of_quota,
    refusing,
    serving,
)
from tests.adapter.speech.sound import listen, tone
from tests.fakes import FakeModelServer

KOREAN = {"text": "안녕하세요. 그림을 그려 볼까요?"}
TONE = {
    types.AudioEncoding.MP3: ("MP3", "MPEG_LAYER_III"),
    types.AudioEncoding.OGG_OPUS: ("OGG", "OPUS"),
    types.AudioEncoding.LINEAR16: ("WAV", "PCM_16"),
}


def speech_answer(method, request, _):
    """A second of a tone in the format that was asked for, or one voice."""
    if method == LIST_VOICES:
        voice = types.Voice(
            name="ko-KR-Neural2-A",
            language_codes=["ko-KR"],
            ssml_gender=types.SsmlVoiceGender.FEMALE,
        )
        return types.ListVoicesResponse(voices=[voice])
    kind = TONE[types.AudioEncoding(request.audio_config.audio_encoding)]
    return types.SynthesizeSpeechResponse(audio_content=tone(1.0, *kind))


@pytest.fixture
def google():
    return GoogleServices(speech_answer)


@pytest.fixture
def over(google):
    """Makes a client of the service, with Google and with the engine here, or without."""
    with serving(google) as target:

        def make(*, has_google=True, has_local=True, timeout_s=20.0, threads=4, **speech):
            config = GoogleConfig(
                vision="off", text_to_speech="on" if has_google else "off", plaintext=True,
                text_to_speech_endpoint=target, timeout_s=timeout_s,
            )  # fmt: skip
            adapter = AdapterConfig(services=("aivoice",), timeout_s=30.0, threads=threads)
            speech = SpeechConfig("on" if has_local else "off", **speech)
            parts = build_parts(Settings(adapter, config, speech), FakeModelServer())
            opened.extend([parts.speech.cloud, parts.speech.local])
            return create_app(parts).test_client()

        opened = []
        yield make
        for speaker in filter(None, opened):
            speaker.close()


@pytest.fixture(scope="module")
def here():
    """The service with the engine here alone, for many requests."""
    adapter = AdapterConfig(services=("aivoice",), timeout_s=30.0)
    parts = build_parts(Settings(adapter, GoogleConfig("off", "off")), FakeModelServer())
    yield create_app(parts).test_client()
    parts.speech.local.close()


def say(client, body=KOREAN, accept="*/*", **headers):
    return client.post("/api/aivoice", json=body, headers={"Accept": accept, **headers})


@pytest.mark.parametrize(
    ("body", "language", "voice"),
    [
        (KOREAN, "ko-KR", "espeak-ko"),
        ({"text": "Hello! Shall we draw a cat?"}, "en-US", "espeak-en-us"),
        ({"text": "Hello, I am here!", "language": "en-GB"}, "en-GB", "espeak-en-gb"),
        ({"text": "다시", "voice": "espeak-ko-female"}, "ko-KR", "espeak-ko-female"),
    ],
)
@pytest.mark.parametrize("kind", ["wav", "ogg", "mp3"])
def test_without_google_speech_can_be_heard_in_every_format(here, body, language, voice, kind):
    response = say(here, {**body, "format": kind})
    assert response.status_code == 200
    assert response.mimetype == {"mp3": "audio/mpeg"}.get(kind, f"audio/{kind}")
    heard = listen(response.data)
    assert (heard.kind, heard.sample_rate_hz) == (kind.upper(), 22050)
    assert 0.3 < heard.seconds < 6.0
    assert heard.loudness > 0.02
    assert response.headers["Content-Language"] == language
    assert response.headers["X-Speech-Voice"] == voice
    assert response.headers["X-Speech-Engine"] == "local"
    assert "X-Degraded" not in response.headers


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "audio/mpeg"), ("audio/*", "audio/mpeg"), ("audio/wav", "audio/wav"),
        ("audio/ogg, audio/mpeg;q=0.5", "audio/ogg"), ("application/json", "application/json"),
        ("application/json, */*;q=0.1", "application/json"), ("text/html", "application/json"),
        ("audio/wav;q=0.2, application/json;q=0.1", "audio/wav"), (None, "audio/mpeg"),
    ],
)  # fmt: skip
def test_accept_chooses_a_file_or_base64(here, accept, media):
    headers = {} if accept is None else {"Accept": accept}
    response = here.post("/api/aivoice", json=KOREAN, headers=headers)
    assert (response.status_code, response.mimetype) == (200, media)
    assert "Accept" in response.headers.get("Vary", "") or media == "application/json"


def test_base64_is_the_same_sound_with_all_that_is_known_of_it(here):
    body = say(here, {**KOREAN, "format": "wav"}, "application/json").get_json()
    assert list(body) == [
        "audio", "format", "media_type", "language", "voice", "engine", "degraded", "msg"
    ]  # fmt: skip
    assert listen(base64.b64decode(body.pop("audio"))).kind == "WAV"
    assert body == {
        "format": "wav", "media_type": "audio/wav", "language": "ko-KR", "voice": "espeak-ko",
        "engine": "local", "degraded": [], "msg": "Here is the speech.",
    }  # fmt: skip


def test_the_format_in_the_body_counts_more_than_accept(here):
    assert say(here, {**KOREAN, "format": "ogg"}, "audio/wav").mimetype == "audio/ogg"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "text"), ({"text": ""}, "empty"), ({"text": " \n"}, "empty"), ({"text": 5}, "text"),
        ({"text": "<speak>hi</speak>"}, "SSML"), ({"text": "가" * 1667}, "takes 5001 bytes"),
        ({"text": "hi", "rate": 3}, "rate"), ({"text": "hi", "rate": "fast"}, "rate"),
        ({"text": "hi", "format": "flac"}, "format"), ({"text": "hi", "language": "!"}, "language"),
        ({"text": "hi", "voice": "a\r\nb"}, "voice"), ({"text": "hi", "voice": "a\n"}, "regex"),
        ({"text": "hi", "voice": ""}, "voice"),
        ({"text": "hi", "voice": "nobody"}, "no voice 'nobody' here; there is espeak-ko"),
        ({"text": "hallo", "language": "de"}, "nobody here speaks de; ko-KR, en-US"),
        ({"text": "---", "language": "en"}, "nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_a_400_that_says_why(here, body, words):
    response = say(here, body)
    assert response.status_code == 400
    assert words in response.get_json()["error"]["message"]
    assert response.get_json()["label"] == "null"


def test_a_body_that_is_no_json_is_not_told_to_be_a_drawing(here):
    for body in (b"", b"hello", b"[]"):
        response = here.post("/api/aivoice", data=body)
        assert response.status_code == 400
        assert "base64_drawing" not in response.get_json()["error"]["message"]


@settings(max_examples=40)
@given(st.text(max_size=60), st.sampled_from(["ko", "en", None]))
def test_any_text_is_spoken_or_refused(here, text, language):
    response = say(here, {"text": text, "language": language, "format": "wav"})
    assert response.status_code in {200, 400}
    if response.status_code == 200:
        assert listen(response.data).kind == "WAV"


def test_google_speaks_as_it_is_asked(over, google):
    body = {
        **KOREAN, "language": "ko-KR", "voice": "ko-KR-Neural2-A", "rate": 1.5, "format": "ogg",
    }  # fmt: skip
    response = say(over(), body)
    assert response.headers["X-Speech-Engine"] == "google"
    assert listen(response.data).kind == "OGG"
    (asked,) = google.asked
    assert asked.method == SYNTHESIZE
    assert asked.request.voice.name == "ko-KR-Neural2-A"
    assert asked.request.audio_config.speaking_rate == 1.5


def test_while_google_speaks_others_are_answered(over, google):
    together = threading.Barrier(2)

    def answer(method, *call):
        if method == SYNTHESIZE:
            together.wait(20)
        return speech_answer(method, *call)

    google.answer = answer
    client = over(threads=1)
    with ThreadPoolExecutor(2) as callers:
        texts = ({"text": "one"}, {"text": "two"})
        said = list(callers.map(lambda text: say(client, text), texts))
    assert [each.headers["X-Speech-Engine"] for each in said] == ["google", "google"]


@pytest.mark.parametrize("kind", ["mp3", "ogg", "wav"])
def test_googles_audio_comes_back_in_every_format(over, kind):
    heard = listen(say(over(), {**KOREAN, "format": kind}).data)
    assert heard.kind == kind.upper()
    assert heard.seconds == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    "answer",
    [refusing(grpc.StatusCode.UNAVAILABLE), refusing(grpc.StatusCode.PERMISSION_DENIED),
     out_of_quota(30), lambda *_: b"\xff", lambda *_: types.SynthesizeSpeechResponse()],
    ids=["down", "refused", "quota", "malformed", "empty"],
)  # fmt: skip
def test_when_google_fails_the_engine_here_speaks_and_that_is_said(over, google, answer):
    google.answer = answer
    client = over()
    response = say(client, {**KOREAN, "voice": "ko-KR-Neural2-A", "format": "wav"})
    assert (response.status_code, response.headers["X-Degraded"]) == (200, "speech")
    assert response.headers["X-Speech-Engine"] == "local"
    assert listen(response.data).loudness > 0.02
    body = say(client, KOREAN, "application/json", **{"Accept-Language": "ko"}).get_json()
    assert (body["degraded"], body["engine"]) == (["speech"], "local")
    assert body["msg"].startswith("구글 음성을")


def test_when_google_is_slow_the_engine_here_speaks_in_time(over, google):
    google.answer = never
    response = say(over(timeout_s=0.2))
    assert (response.status_code, response.headers["X-Degraded"]) == (200, "speech")


def test_a_language_that_only_google_speaks_fails_as_google_does(over, google):
    google.answer = out_of_quota(33)
    response = say(over(), {"text": "bonjour", "language": "fr-FR"})
    assert (response.status_code, response.headers["Retry-After"]) == (429, "33")
    assert response.get_json()["error"]["code"] == "RESOURCE_EXHAUSTED"
    assert "quota" in response.get_json()["msg"]


def test_with_nobody_to_speak_it_is_a_503_that_says_what_to_do(over):
    response = say(over(has_google=False, has_local=False))
    assert response.status_code == 503
    assert "pip install espeakng-loader" in response.get_json()["error"]["message"]


def test_a_voice_that_google_does_not_know_is_a_400(over, google):
    google.answer = refusing(grpc.StatusCode.INVALID_ARGUMENT, "Voice 'x' does not exist.")
    response = say(over(), {**KOREAN, "voice": "x"})
    assert response.status_code == 400
    assert "Voice 'x' does not exist." in response.get_json()["error"]["message"]


def test_a_text_may_be_as_long_as_it_is_configured(over):
    client = over(has_google=False, max_text_bytes=6)
    assert say(client, {"text": "가나"}).status_code == 200
    assert say(client, {"text": "가나."}).status_code == 400


def test_voices_and_languages_are_listed_and_can_be_chosen_by_language(over, here, google):
    listed = over().get("/api/aivoice/voices").get_json()
    assert listed["languages"] == ["en-GB", "en-US", "ko-KR"]
    assert listed["voices"][-1] == {
        "name": "ko-KR-Neural2-A", "languages": ["ko-KR"], "gender": "female", "engine": "google",
    }  # fmt: skip
    assert listed["degraded"] == []
    korean = here.get("/api/aivoice/voices?language=ko").get_json()["voices"]
    assert [voice["name"] for voice in korean] == ["espeak-ko", "espeak-ko-female"]
    google.answer = refusing(grpc.StatusCode.UNAVAILABLE)
    assert over().get("/api/aivoice/voices").get_json()["degraded"] == ["speech"]
    assert over(has_local=False).get("/api/aivoice/voices").status_code == 503
