"""A text is said by Google, and by the engine on this machine where Google cannot.

Knows neither HTTP nor gRPC.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from adapter.deadline import Deadline
from adapter.speech.spec import Engine, Speaker, Spoken, Utterance, Voice
from model_store.errors import EaselError, InvalidRequest, ServiceUnavailable

logger = logging.getLogger(__name__)

DEGRADED = "speech"
# The rest is for the engine on this machine, which takes milliseconds a sentence.
_CLOUDS_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Said:
    """What was spoken, and what could not be had as it was meant."""

    spoken: Spoken
    engine: Engine
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Voices:
    """Everybody who can be asked for now, and whose list could not be had."""

    voices: tuple[Voice, ...]
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saying:
    """Who can speak; either may be missing.

    Attributes:
        cloud: Google's.
        local: The engine on this machine: when Google fails, or when one of its voices is
            asked for.
    """

    cloud: Speaker | None
    local: Speaker | None

    def say(self, utterance: Utterance, deadline: Deadline) -> Said:
        """Say one text.

        When Google fails and the engine here says it, the voice is the engine's own for the
        language; where it does not speak the language either, Google's failure counts.

        Raises:
            InvalidRequest: Nobody has this language, voice or format.
            ServiceUnavailable: Nobody can speak now, or nobody is configured.
            QuotaExceeded: Google's quota is used up, and nobody here speaks.
            DeadlineExceeded: It took too long.
        """
        if self.cloud is None or (self.local and _is_of(self.local, utterance.voice, deadline)):
            return self._say_here(utterance, deadline)
        share = _CLOUDS_SHARE if self.local is not None else 1.0
        try:
            spoken = self.cloud.speak(utterance, timeout_s=share * deadline.left_s())
        except InvalidRequest:
            raise
        except EaselError as error:
            return self._stand_in(utterance, deadline, error)
        return Said(spoken, "google")

    def voices(self, deadline: Deadline) -> Voices:
        """Everybody who can be asked for.

        Raises:
            EaselError: Google's list cannot be had and there is no other.
        """
        here = self.local.voices(timeout_s=deadline.left_s()) if self.local is not None else ()
        if self.cloud is None:
            return Voices(here)
        try:
            return Voices((*here, *self.cloud.voices(timeout_s=deadline.left_s())))
        except EaselError as error:
            if not here:
                raise
            logger.debug("only the voices of this machine are listed: %s", error)
            return Voices(here, (DEGRADED,))

    def close(self) -> None:
        """End what this process has opened or started."""
        for speaker in (self.cloud, self.local):
            if speaker is not None:
                speaker.close()

    def _say_here(self, utterance: Utterance, deadline: Deadline) -> Said:
        if self.local is None:
            raise ServiceUnavailable(
                "nobody can speak here: configure Google (google.text_to_speech), or install"
                " eSpeak NG (pip install espeakng-loader)"
            )
        return Said(self.local.speak(utterance, timeout_s=deadline.left_s()), "local")

    def _stand_in(self, utterance: Utterance, deadline: Deadline, failed: EaselError) -> Said:
        if self.local is None:
            raise failed
        logger.debug("the engine on this machine speaks instead: %s", failed)
        try:
            said = self._say_here(replace(utterance, voice=None), deadline)
        except EaselError:
            raise failed from None
        return replace(said, degraded=(DEGRADED,))


def _is_of(speaker: Speaker, voice: str | None, deadline: Deadline) -> bool:
    if voice is None:
        return False
    return any(one.name == voice for one in speaker.voices(timeout_s=deadline.left_s()))
