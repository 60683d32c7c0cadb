"""Who speaks when: Google where it can, the engine on this machine where it cannot."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from adapter.deadline import Deadline
from adapter.speech.saying import Saying
from adapter.speech.spec import AudioFormat, Spoken, Utterance, Voice
from model_store import errors
from tests.adapter.cloud.clocks import Clock

HELLO = Utterance("안녕", "ko-KR", "ko-KR-Neural2-A", format=AudioFormat.WAV)
CLOUD_VOICE = Voice("ko-KR-Neural2-A", ("ko-KR",), "female", "google")
LOCAL_VOICE = Voice("espeak-ko", ("ko-KR",), "male", "local")


@dataclass
class Somebody:
    """Behind ``adapter.speech.spec.Speaker``: speaks their name, or fails."""

    voice: Voice
    failure: Exception | None = None
    asked: list[tuple[Utterance, float]] = field(default_factory=list)
    is_closed: bool = False

    def speak(self, utterance: Utterance, *, timeout_s: float) -> Spoken:
        self.asked.append((utterance, timeout_s))
        if self.failure is not None:
            raise self.failure
        return Spoken(
            self.voice.name.encode(), AudioFormat.WAV, utterance.language, self.voice.name
        )

    def voices(self, *, timeout_s: float) -> tuple[Voice, ...]:
        if self.failure is not None and self.voice.engine == "google":
            raise self.failure
        return (self.voice,)

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def cloud():
    return Somebody(CLOUD_VOICE)


@pytest.fixture
def local():
    return Somebody(LOCAL_VOICE)


@pytest.fixture
def deadline():
    return Deadline.after(10.0, Clock())


def test_google_speaks_where_it_can_and_leaves_time_for_another(cloud, local, deadline):
    said = Saying(cloud, local).say(HELLO, deadline)
    assert (said.engine, said.spoken.voice, said.degraded) == ("google", "ko-KR-Neural2-A", ())
    assert cloud.asked == [(HELLO, 7.0)]
    assert not local.asked


def test_google_alone_has_all_the_time(cloud, deadline):
    Saying(cloud, None).say(HELLO, deadline)
    assert cloud.asked == [(HELLO, 10.0)]


@pytest.mark.parametrize(
    "failure",
    [
        errors.ServiceUnreachable("down"), errors.QuotaExceeded("used up"),
        errors.AccessRefused("no"), errors.BadAnswer("odd"), errors.DeadlineExceeded("late"),
    ],
    ids=lambda failure: type(failure).__name__,
)  # fmt: skip
def test_when_google_fails_the_engine_here_speaks_and_that_is_said(cloud, local, deadline, failure):
    cloud.failure = failure
    said = Saying(cloud, local).say(HELLO, deadline)
    assert (said.engine, said.spoken.voice, said.degraded) == ("local", "espeak-ko", ("speech",))
    ((asked, _),) = local.asked
    assert (asked.text, asked.voice, asked.format) == ("안녕", None, AudioFormat.WAV)
    with pytest.raises(type(failure)):
        Saying(cloud, None).say(HELLO, deadline)


def test_what_google_refuses_nobody_says(cloud, local, deadline):
    cloud.failure = errors.InvalidRequest("no such voice")
    with pytest.raises(errors.InvalidRequest, match="no such voice"):
        Saying(cloud, local).say(HELLO, deadline)
    assert not local.asked


def test_when_the_engine_cannot_either_googles_failure_counts(cloud, local, deadline):
    cloud.failure = errors.QuotaExceeded("used up", retry_after_s=9.0)
    local.failure = errors.InvalidRequest("nobody here speaks ja-JP")
    with pytest.raises(errors.QuotaExceeded, match="used up"):
        Saying(cloud, local).say(HELLO, deadline)


def test_a_voice_of_this_machine_is_asked_here(cloud, local, deadline):
    said = Saying(cloud, local).say(Utterance("hi", "ko", "espeak-ko"), deadline)
    assert (said.engine, said.degraded) == ("local", ())
    assert not cloud.asked


def test_without_google_the_engine_speaks_and_nothing_is_missing(local, deadline):
    said = Saying(None, local).say(HELLO, deadline)
    assert (said.engine, said.degraded) == ("local", ())
    assert local.asked == [(HELLO, 10.0)]


def test_with_nobody_it_is_said_what_to_do(deadline):
    with pytest.raises(errors.ServiceUnavailable, match="configure Google.*install eSpeak NG"):
        Saying(None, None).say(HELLO, deadline)


def test_all_voices_are_listed_and_googles_failure_is_said(cloud, local, deadline):
    assert Saying(cloud, local).voices(deadline).voices == (LOCAL_VOICE, CLOUD_VOICE)
    assert Saying(None, None).voices(deadline).voices == ()
    cloud.failure = errors.ServiceUnreachable("down")
    found = Saying(cloud, local).voices(deadline)
    assert (found.voices, found.degraded) == ((LOCAL_VOICE,), ("speech",))
    with pytest.raises(errors.ServiceUnreachable):
        Saying(cloud, None).voices(deadline)


def test_both_are_closed(cloud, local):
    Saying(cloud, local).close()
    assert cloud.is_closed
    assert local.is_closed
    Saying(None, None).close()
