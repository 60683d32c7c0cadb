"""Google Text-to-Speech, behind ``adapter.speech.spec.Speaker``.

Imported only where Google is configured, as ``vision``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import grpc
from google.cloud.texttospeech_v1 import types
from google.cloud.texttospeech_v1.services.text_to_speech import TextToSpeechClient
from google.cloud.texttospeech_v1.services.text_to_speech.transports import (
    TextToSpeechGrpcTransport,
)

from adapter.cloud.cache import Cache
from adapter.cloud.calling import Guard
from adapter.cloud.connection import Connection
from adapter.cloud.endpoint import Endpoint
from adapter.speech.spec import AudioFormat, Gender, Spoken, Utterance, Voice
from model_store.errors import BadAnswer

SERVICE = "Google Text-to-Speech"
HOST = "texttospeech.googleapis.com:443"
_ENCODINGS = {
    AudioFormat.MP3: types.AudioEncoding.MP3,
    AudioFormat.OGG: types.AudioEncoding.OGG_OPUS,
    # With a WAV header, unlike PCM.
    AudioFormat.WAV: types.AudioEncoding.LINEAR16,
}
_GENDERS: Mapping[int, Gender] = {
    types.SsmlVoiceGender.FEMALE: "female",
    types.SsmlVoiceGender.MALE: "male",
}
# Google asks for a region, people often say the language alone.
_REGIONS = {
    "ko": "ko-KR",
    "en": "en-US",
    "ja": "ja-JP",
    "de": "de-DE",
    "fr": "fr-FR",
    "es": "es-ES",
}
_VOICES_KEY = b"voices"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SpeechCaches:
    """What was spoken lately, and the list of voices; speech is paid for by the character."""

    spoken: Cache[Spoken]
    voices: Cache[tuple[Voice, ...]]


class GoogleSpeaker:
    """One project's speech; opens its channel on first use, and again after a fork."""

    def __init__(self, endpoint: Endpoint, guard: Guard, caches: SpeechCaches) -> None:
        self._guard = guard
        self._caches = caches
        self._connection = Connection(SERVICE, endpoint, _to_client)

    def speak(self, utterance: Utterance, *, timeout_s: float) -> Spoken:
        """Say one text; see ``adapter.speech.spec.Speaker``."""
        return self._caches.spoken.get_or_make(
            hashlib.sha256(repr(utterance).encode()).digest(),
            lambda: self._run(lambda left_s: self._synthesize(utterance, left_s), timeout_s),
            timeout_s=timeout_s,
        )

    def voices(self, *, timeout_s: float) -> tuple[Voice, ...]:
        """Everybody it has, by name."""
        return self._caches.voices.get_or_make(
            _VOICES_KEY, lambda: self._run(self._list, timeout_s), timeout_s=timeout_s
        )

    def close(self) -> None:
        """Let go of this process' channel."""
        self._connection.close()

    def _run(self, call: Callable[[float], T], timeout_s: float) -> T:
        return self._guard.run(call, timeout_s=timeout_s)

    def _synthesize(self, utterance: Utterance, timeout_s: float) -> Spoken:
        written = utterance.format or AudioFormat.MP3
        language = _REGIONS.get(utterance.language, utterance.language)
        request = types.SynthesizeSpeechRequest(
            input=types.SynthesisInput(text=utterance.text),
            voice=types.VoiceSelectionParams(language_code=language, name=utterance.voice or ""),
            audio_config=types.AudioConfig(
                audio_encoding=_ENCODINGS[written], speaking_rate=utterance.rate
            ),
        )
        response = self._connection.call(
            lambda client: client.synthesize_speech(request=request, timeout=timeout_s, retry=None)
        )
        if not response.audio_content:
            raise BadAnswer(f"{SERVICE} answered without audio")
        return Spoken(response.audio_content, written, language, utterance.voice or "")

    def _list(self, timeout_s: float) -> tuple[Voice, ...]:
        response = self._connection.call(
            lambda client: client.list_voices(
                request=types.ListVoicesRequest(), timeout=timeout_s, retry=None
            )
        )
        found = (
            Voice(
                voice.name,
                tuple(voice.language_codes),
                _GENDERS.get(voice.ssml_gender, "neutral"),
                "google",
            )
            for voice in response.voices
        )
        return tuple(sorted(found, key=lambda voice: voice.name))


def _to_client(channel: grpc.Channel) -> TextToSpeechClient:
    return TextToSpeechClient(transport=TextToSpeechGrpcTransport(channel=channel))


def spoken_bytes(spoken: Spoken) -> int:
    """Roughly what *spoken* takes in memory."""
    return len(spoken.audio) + 200


def voices_bytes(voices: tuple[Voice, ...]) -> int:
    """Roughly what *voices* take in memory."""
    return 400 * len(voices)
