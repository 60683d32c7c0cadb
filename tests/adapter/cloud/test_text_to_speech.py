"""Speech with Google's own library, against a local server of its service."""

from __future__ import annotations

import grpc
import pytest
from google.cloud.texttospeech_v1 import types

from adapter.cloud.breaker import Breaker, BreakerPolicy
from adapter.cloud.cache import Cache, CachePolicy
from adapter.cloud.calling import Guard
from adapter.cloud.endpoint import Endpoint
from adapter.cloud.retry import RetryPolicy
from adapter.cloud.text_to_speech import GoogleSpeaker, SpeechCaches, spoken_bytes, voices_bytes
from adapter.speech.spec import AudioFormat, Spoken, Utterance, Voice
from model_store import errors
from tests.adapter.cloud.google_services import (
    LIST_VOICES,
    SYNTHESIZE,
    GoogleServices,
    never,
    out_of_quota,
    refusing,
    serving,
)

HELLO = Utterance("안녕하세요", "ko-KR", "ko-KR-Neural2-A", 1.25, AudioFormat.OGG)


def speech_answer(method, request, _):
    """What Google answers: audio that tells how it was asked for, or two voices."""
    if method == LIST_VOICES:
        gender = types.SsmlVoiceGender
        return types.ListVoicesResponse(
            voices=[
                types.Voice(name="ko-KR-Neural2-A", language_codes=["ko-KR"],
                            ssml_gender=gender.FEMALE),
                types.Voice(name="en-US-Studio-Q", language_codes=["en-US", "en"],
                            ssml_gender=gender.MALE),
                types.Voice(name="en-US-Zoe", language_codes=["en-US"]),
            ]
        )  # fmt: skip
    encoding = types.AudioEncoding(request.audio_config.audio_encoding)
    return types.SynthesizeSpeechResponse(audio_content=encoding.name.encode())


@pytest.fixture
def google():
    return GoogleServices(speech_answer)


@pytest.fixture
def speaker(google):
    guard = Guard(
        Breaker("Google Text-to-Speech", BreakerPolicy()), RetryPolicy(sleep=lambda _: None), 20.0
    )
    policy = CachePolicy(100_000, 60.0)
    caches = SpeechCaches(Cache(policy, spoken_bytes), Cache(policy, voices_bytes))
    with serving(google) as target:
        speaker = GoogleSpeaker(Endpoint(target, is_plaintext=True), guard, caches)
        yield speaker
        speaker.close()


def test_text_voice_language_rate_and_format_reach_google(speaker, google):
    spoken = speaker.speak(HELLO, timeout_s=20.0)
    assert spoken == Spoken(b"OGG_OPUS", AudioFormat.OGG, "ko-KR", "ko-KR-Neural2-A")
    (asked,) = google.asked
    assert asked.method == SYNTHESIZE
    assert asked.request.input.text == "안녕하세요"
    assert not asked.request.input.ssml
    assert asked.request.voice.language_code == "ko-KR"
    assert asked.request.voice.name == "ko-KR-Neural2-A"
    assert asked.request.audio_config.speaking_rate == 1.25


@pytest.mark.parametrize(
    ("kind", "audio"),
    [(AudioFormat.MP3, b"MP3"), (AudioFormat.WAV, b"LINEAR16"), (None, b"MP3")],
)
def test_each_format_is_asked_for_by_googles_word(speaker, kind, audio):
    assert speaker.speak(Utterance("hi", "en-US", format=kind), timeout_s=20.0).audio == audio


@pytest.mark.parametrize(("language", "sent"), [("ko", "ko-KR"), ("en", "en-US"), ("sw", "sw")])
def test_a_language_without_a_region_gets_its_usual_one(speaker, google, language, sent):
    assert speaker.speak(Utterance("x", language), timeout_s=20.0).language == sent
    assert google.asked[0].request.voice.language_code == sent


def test_the_same_text_is_paid_for_once_and_another_voice_is_not_the_same(speaker, google):
    speaker.speak(HELLO, timeout_s=20.0)
    speaker.speak(HELLO, timeout_s=20.0)
    speaker.speak(Utterance(HELLO.text, "ko-KR"), timeout_s=20.0)
    assert len(google.asked) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusing(grpc.StatusCode.UNAVAILABLE), errors.ServiceUnreachable),
        (refusing(grpc.StatusCode.PERMISSION_DENIED), errors.AccessRefused),
        (out_of_quota(5), errors.QuotaExceeded),
        (refusing(grpc.StatusCode.INVALID_ARGUMENT, "Voice 'x' does not exist."),
         errors.InvalidRequest),
        (refusing(grpc.StatusCode.INTERNAL), errors.BadAnswer),
        (lambda *_: b"\xff", errors.BadAnswer),
        (lambda *_: types.SynthesizeSpeechResponse(), errors.BadAnswer),
    ],
)  # fmt: skip
def test_each_failure_is_told_apart(speaker, google, answer, kind):
    google.answer = answer
    with pytest.raises(kind) as failed:
        speaker.speak(HELLO, timeout_s=20.0)
    assert type(failed.value) is kind


def test_a_slow_service_is_given_up_at_the_callers_deadline(speaker, google):
    google.answer = never
    with pytest.raises(errors.DeadlineExceeded):
        speaker.speak(HELLO, timeout_s=0.2)


def test_an_unavailable_service_is_asked_again(speaker, google):
    google.answer = refusing(grpc.StatusCode.UNAVAILABLE, times=1, then=speech_answer)
    assert speaker.speak(HELLO, timeout_s=20.0).audio == b"OGG_OPUS"


def test_ten_minutes_of_speech_as_wav_come_back_whole(speaker, google):
    audio = bytes(24_000 * 2 * 600)
    google.answer = lambda *_: types.SynthesizeSpeechResponse(audio_content=audio)
    assert speaker.speak(HELLO, timeout_s=20.0).audio == audio


def test_voices_are_listed_by_name_and_asked_for_once(speaker, google):
    voices = speaker.voices(timeout_s=20.0)
    assert voices == (
        Voice("en-US-Studio-Q", ("en-US", "en"), "male", "google"),
        Voice("en-US-Zoe", ("en-US",), "neutral", "google"),
        Voice("ko-KR-Neural2-A", ("ko-KR",), "female", "google"),
    )
    assert speaker.voices(timeout_s=20.0) == voices
    assert [asked.method for asked in google.asked] == [LIST_VOICES]
