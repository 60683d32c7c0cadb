"""``/api/aivoice``: a text in, speech out, as a file or as base64 by the Accept header."""

from __future__ import annotations

import base64
from typing import Annotated

import msgspec
from msgspec import Meta
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from adapter.http.operations import Asked, Operation, Reply, Service, Takes
from adapter.messages import Say
from adapter.parts import Parts
from adapter.speech.saying import Said
from adapter.speech.spec import (
    LEAST_RATE,
    MOST_RATE,
    AudioFormat,
    Engine,
    Gender,
    Utterance,
    read_language,
    read_text,
)

_JSON = "application/json"
_BY_MEDIA_TYPE = {kind.media_type: kind for kind in AudioFormat}

# Python's $ would let a line's end follow, and JavaScript has no \Z.
VoiceName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:+-]{1,100}$(?!\n)")]


class Words(msgspec.Struct, frozen=True):
    """What is to be said, and how."""

    text: Annotated[str, Meta(description="plain text; SSML is not taken")]
    language: Annotated[
        str | None, Meta(description="a language tag such as ko-KR; by default the text's own")
    ] = None
    voice: Annotated[VoiceName | None, Meta(description="a name out of the list of voices")] = None
    rate: Annotated[
        float, Meta(ge=LEAST_RATE, le=MOST_RATE, description="speed; 1 is the voice's own")
    ] = 1.0
    format: Annotated[
        AudioFormat | None,
        Meta(description="by default what Accept asks for, else mp3 where it can be had"),
    ] = None


class Speech(msgspec.Struct, frozen=True):
    """A text that was spoken; ``audio`` is a whole file in base64.

    When Google failed and the engine beside the adapter spoke, ``degraded`` has ``speech``.
    """

    audio: str
    format: AudioFormat
    media_type: str
    language: str
    voice: str
    engine: Engine
    degraded: tuple[str, ...]
    msg: str


class VoiceListed(msgspec.Struct, frozen=True):
    """Somebody who can speak."""

    name: str
    languages: tuple[str, ...]
    gender: Gender
    engine: Engine


class VoicesListed(msgspec.Struct, frozen=True):
    """Everybody who can be asked for; ``degraded`` has ``speech`` when Google's are missing."""

    voices: tuple[VoiceListed, ...]
    languages: tuple[str, ...]
    degraded: tuple[str, ...]


class OfLanguage(msgspec.Struct, frozen=True):
    """Which voices are asked for."""

    language: Annotated[str | None, Meta(description="only those who speak it: ko, or ko-KR")] = (
        None
    )


def build(parts: Parts) -> Service:
    """The service over *parts*."""
    speak = Operation(
        method="POST",
        path="/api/aivoice",
        name="speak",
        summary="Say a text",
        handle=lambda asked: _speak(parts, asked),
        answer=Speech,
        takes=Takes.JSON,
        options=Words,
        media=tuple(_BY_MEDIA_TYPE),
        scope="speech",
        example=_EXAMPLE,
    )
    voices = Operation(
        method="GET",
        path="/api/aivoice/voices",
        name="list-voices",
        summary="Who can speak, and which languages",
        handle=lambda asked: _list(parts, asked),
        answer=VoicesListed,
        options=OfLanguage,
        scope="speech",
    )
    return Service("aivoice", (speak, voices))


def _speak(parts: Parts, asked: Asked[Words]) -> Speech | Reply:
    words = asked.options
    text = read_text(words.text, parts.settings.speech.max_text_bytes)
    takes = parse_accept_header(asked.accept, MIMEAccept)
    accepted = _accepted(takes)
    utterance = Utterance(
        text,
        read_language(words.language, words.voice, text),
        words.voice,
        words.rate,
        words.format or _asked_for(takes, accepted),
    )
    with parts.turns.resting():  # another process speaks, or another company
        said = parts.speech.say(utterance, asked.deadline)
    return _as_json(said, asked.language) if accepted == _JSON else _as_file(said)


def _accepted(takes: MIMEAccept) -> str:
    """JSON where it is asked for or nothing that there is; audio where that is as welcome."""
    if not takes:
        return AudioFormat.MP3.media_type
    return takes.best_match([*_BY_MEDIA_TYPE, _JSON]) or _JSON


def _asked_for(takes: MIMEAccept, accepted: str) -> AudioFormat | None:
    """The format that Accept names; None where it leaves it open."""
    is_named = any(media == accepted for media, _ in takes)
    return _BY_MEDIA_TYPE.get(accepted) if is_named else None


def _as_file(said: Said) -> Reply:
    spoken = said.spoken
    headers = [("Content-Language", spoken.language), ("X-Speech-Engine", said.engine)]
    if spoken.voice:
        headers.append(("X-Speech-Voice", spoken.voice))
    if said.degraded:
        headers.append(("X-Degraded", ", ".join(said.degraded)))
    headers.append(("Vary", "Accept"))
    return Reply(spoken.audio, spoken.format.media_type, headers=tuple(headers))


def _as_json(said: Said, language: str) -> Speech:
    spoken = said.spoken
    return Speech(
        audio=base64.b64encode(spoken.audio).decode(),
        format=spoken.format,
        media_type=spoken.format.media_type,
        language=spoken.language,
        voice=spoken.voice,
        engine=said.engine,
        degraded=said.degraded,
        msg=(Say.SPOKEN_HERE if said.degraded else Say.SPOKEN).in_language(language),
    )


def _list(parts: Parts, asked: Asked[OfLanguage]) -> VoicesListed:
    found = parts.speech.voices(asked.deadline)
    wanted = asked.options.language
    voices = tuple(
        VoiceListed(voice.name, voice.languages, voice.gender, voice.engine)
        for voice in found.voices
        if wanted is None or any(_is_of(tag, wanted) for tag in voice.languages)
    )
    languages = sorted({tag for voice in voices for tag in voice.languages})
    return VoicesListed(voices, tuple(languages), found.degraded)


def _is_of(tag: str, wanted: str) -> bool:
    tag, wanted = tag.casefold(), wanted.casefold()
    return tag == wanted or tag.startswith(f"{wanted}-")


_EXAMPLE = Speech(
    audio="//OAxAAAAAAAAAAAAFhpbmc...",
    format=AudioFormat.MP3,
    media_type="audio/mpeg",
    language="en-US",
    voice="espeak-en-us",
    engine="local",
    degraded=(),
    msg=Say.SPOKEN.in_language("en"),
)
