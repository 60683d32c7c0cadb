"""The speech engine on this machine, behind ``adapter.speech.spec.Speaker``.

eSpeak NG speaks Korean and English.  It runs in a process of its own that is started when
first needed, ended when it is late, and started again when it died.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from adapter.deadline import Deadline
from adapter.per_process import PerProcess
from adapter.speech.engine import Engine, Order, Sound
from adapter.speech.spec import AudioFormat, Spoken, Utterance, Voice
from model_store.errors import InvalidRequest, Overloaded


def python_of(executable: str, prefix: str) -> str:
    """The interpreter: inside uWSGI and mod_wsgi, *executable* is the server itself."""
    if Path(executable).name.startswith("python"):
        return executable
    return str(Path(prefix) / "bin" / "python3")


COMMAND = (
    python_of(sys.executable, sys.prefix),
    "-I",
    str(Path(__file__).with_name("engine_process.py")),
)
_WORDS_PER_MINUTE = 175


@dataclass(frozen=True, slots=True)
class _Known:
    """A voice of ours, and eSpeak's name for it."""

    voice: Voice
    espeak: str


def _known(name: str, espeak: str, *languages: str) -> tuple[_Known, _Known]:
    return (
        _Known(Voice(name, languages, "male", "local"), espeak),
        _Known(Voice(f"{name}-female", languages, "female", "local"), f"{espeak}+f3"),
    )


_VOICES = (
    *_known("espeak-ko", "ko", "ko-KR"),
    *_known("espeak-en-us", "en-us", "en-US"),
    *_known("espeak-en-gb", "en", "en-GB"),
)


def is_installed() -> bool:
    """Whether there is an engine: ``espeakng-loader`` beside us, or the system's eSpeak NG."""
    return find_spec("espeakng_loader") is not None or which("espeak-ng") is not None


def formats_installed() -> tuple[AudioFormat, ...]:
    """What can be written here; the first is taken where nobody says."""
    if find_spec("soundfile") is None:
        return (AudioFormat.WAV,)
    return (AudioFormat.MP3, AudioFormat.OGG, AudioFormat.WAV)


class LocalSpeaker:
    """One engine for each of our processes; its callers take turns.

    Args:
        formats: What it can write; the first is taken where nobody says.
        most_waiting: So many may wait for their turn.
        command: What runs the engine's process.
    """

    def __init__(
        self,
        formats: tuple[AudioFormat, ...],
        most_waiting: int,
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self._formats = formats
        self._turns = PerProcess(lambda: _Turns(Engine(command), most_waiting))

    def speak(self, utterance: Utterance, *, timeout_s: float) -> Spoken:
        """Say one text; see ``adapter.speech.spec.Speaker``."""
        deadline = Deadline.after(timeout_s)
        known = _choose(utterance)
        written = utterance.format or self._formats[0]
        if written not in self._formats:
            there = ", ".join(kind.value for kind in self._formats)
            raise InvalidRequest(
                f"speech as {written.value} is not to be had here; there is {there}"
            )
        order = Order(
            utterance.text, known.espeak, round(_WORDS_PER_MINUTE * utterance.rate), written.value
        )
        sound = self._turns.get().take(order, deadline)
        if sound.is_silent:
            raise InvalidRequest('there is nothing in "text" that can be said')
        return Spoken(sound.audio, written, known.voice.languages[0], known.voice.name)

    def voices(self, *, timeout_s: float) -> tuple[Voice, ...]:  # noqa: ARG002 - they are known
        """Everybody it has."""
        return tuple(known.voice for known in _VOICES)

    def close(self) -> None:
        """End this process' engine."""
        if (turns := self._turns.take()) is not None:
            turns.engine.close()


def _choose(utterance: Utterance) -> _Known:
    """Who says it: the voice that is asked for, else the first that speaks the language."""
    language = utterance.language.casefold()
    if utterance.voice is not None:
        named = [known for known in _VOICES if known.voice.name == utterance.voice]
        if not named:
            there = ", ".join(known.voice.name for known in _VOICES)
            raise InvalidRequest(f"there is no voice {utterance.voice!a} here; there is {there}")
        return named[0]
    speaking = [known for known in _VOICES if _speaks(known, language)]
    if not speaking:
        raise InvalidRequest(
            f"nobody here speaks {utterance.language}; ko-KR, en-US and en-GB can be had"
        )
    same = [known for known in speaking if known.voice.languages[0].casefold() == language]
    return (same or speaking)[0]


def _speaks(known: _Known, language: str) -> bool:
    return known.voice.languages[0][:2] == language.partition("-")[0]


class _Turns:
    """A queue before one engine, bounded."""

    def __init__(self, engine: Engine, most_waiting: int) -> None:
        self.engine = engine
        self._places = threading.BoundedSemaphore(1 + most_waiting)
        self._turn = threading.Lock()

    def take(self, order: Order, deadline: Deadline) -> Sound:
        if not self._places.acquire(blocking=False):
            raise Overloaded("too many texts wait to be spoken; try again")
        try:
            if not self._turn.acquire(timeout=deadline.left_s()):
                deadline.left_s()
                raise Overloaded("the speech engine was busy the whole time")
            try:
                return self.engine.speak(order, deadline)
            finally:
                self._turn.release()
        finally:
            self._places.release()
