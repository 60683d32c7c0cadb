"""What is to be said and what was spoken: values, and the port to whoever speaks.

Knows no service, no engine and no protocol.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

from model_store.errors import InvalidRequest

LEAST_RATE, MOST_RATE = 0.5, 2.0
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_OF_VOICE = re.compile(r"[a-z]{2,3}-[A-Z]{2}(?=-)")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
# As many characters for each that may be said, for those that are left out.
_MOST_SPACE = 4
_SSML = re.compile(r"\s*(<\?xml[^>]*>\s*)?<speak[\s>/]", re.IGNORECASE)


Engine = Literal["google", "local"]
Gender = Literal["female", "male", "neutral"]


class AudioFormat(Enum):
    """How audio is written, by the word that callers use."""

    MP3 = "mp3"
    OGG = "ogg"
    WAV = "wav"

    @property
    def media_type(self) -> str:
        """HTTP's name of it."""
        return "audio/mpeg" if self is AudioFormat.MP3 else f"audio/{self.value}"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One text to be said.

    Attributes:
        text: Plain text with something in it.
        language: A language tag such as ``ko-KR``.
        voice: A voice's name; None for the language's usual one.
        rate: Speed; 1 is the voice's own.
        format: How the audio is to be written; None leaves it to who speaks.
    """

    text: str
    language: str
    voice: str | None = None
    rate: float = 1.0
    format: AudioFormat | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text that was said.

    Attributes:
        audio: A whole file.
        format: What file it is.
        language: In which language.
        voice: By whom; empty where the service chose and did not say.
    """

    audio: bytes
    format: AudioFormat
    language: str
    voice: str


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody who can speak.

    Attributes:
        name: What to ask for.
        languages: What they speak, the best first.
        gender: How they sound.
        engine: Whose voice it is.
    """

    name: str
    languages: tuple[str, ...]
    gender: Gender
    engine: Engine


class Speaker(Protocol):
    """Something that speaks: Google Text-to-Speech, or an engine on this machine."""

    def speak(self, utterance: Utterance, *, timeout_s: float) -> Spoken:
        """Say one text.

        Args:
            utterance: What, and how.
            timeout_s: Seconds until the caller no longer wants to hear it.

        Raises:
            InvalidRequest: It has not this language, voice or format, or cannot say the text.
            ServiceUnavailable: It does not answer, not sensibly, or not to us.
            Overloaded: Too many wait for it, or our quota is used up.
            DeadlineExceeded: No answer within *timeout_s*.
        """
        ...

    def voices(self, *, timeout_s: float) -> tuple[Voice, ...]:
        """Everybody it has; raises as ``speak`` does."""
        ...

    def close(self) -> None:
        """End what this process has opened or started."""
        ...


def read_text(text: str, most_bytes: int) -> str:
    """*text* as it may be said: composed, one space for control characters.

    Raises:
        InvalidRequest: It is empty, too long, or SSML.
    """
    # Composing takes time by the square of a text that is made for it: not beyond what counts.
    if len(text) > _MOST_SPACE * most_bytes:
        raise _too_long(len(text), most_bytes)
    if _SSML.match(text):
        raise InvalidRequest('"text" is SSML, which is not taken; send plain text')
    kept = (
        " " if unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn"} else char for char in text
    )
    words = " ".join("".join(kept).split())
    # No letter is shorter than the characters that it is composed of are many.
    if len(words) > most_bytes:
        raise _too_long(len(words.encode()), most_bytes)
    plain = unicodedata.normalize("NFC", words)
    if not plain:
        raise InvalidRequest('"text" is empty; send what is to be said')
    if (size := len(plain.encode())) > most_bytes:
        raise _too_long(size, most_bytes)
    return plain


def _too_long(size: int, most_bytes: int) -> InvalidRequest:
    return InvalidRequest(
        f'"text" takes {size} bytes in UTF-8 and at most {most_bytes} can be said at once'
        f" ({most_bytes // 3} Korean syllables); send it in parts"
    )


def read_language(tag: str | None, voice: str | None, text: str) -> str:
    """The language to speak: *tag*, else *voice*'s, else Korean where *text* has Hangul.

    Google's voices begin with their language: ``ko-KR-Neural2-A``.

    Raises:
        InvalidRequest: *tag* is no language tag.
    """
    if tag is None:
        if voice is not None and (named := _OF_VOICE.match(voice)):
            return named[0]
        return "ko-KR" if _HANGUL.search(text) else "en-US"
    if not _LANGUAGE.fullmatch(tag):
        raise InvalidRequest('"language" must be a language tag, such as "ko-KR" or "en"')
    first, *rest = tag.split("-")
    return "-".join([first.lower(), *(_subtag(part) for part in rest)])


def _subtag(part: str) -> str:
    """Regions are written large, scripts with a capital: ``zh-Hant-TW``."""
    return part.upper() if len(part) <= 3 else part.title()
