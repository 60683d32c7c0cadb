"""The real engine, in its real process: Korean and English that can be heard."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from adapter.speech.local import (
    COMMAND,
    LocalSpeaker,
    formats_installed,
    is_installed,
    python_of,
)
from adapter.speech.spec import AudioFormat, Utterance
from model_store import errors
from tests.adapter.speech.sound import listen
from tests.support import ROOT

KOREAN = Utterance("안녕하세요. 고양이를 그려 볼까요?", "ko-KR")
ENGLISH = Utterance("Hello! Shall we draw a cat together?", "en-US")
ALL = (AudioFormat.MP3, AudioFormat.OGG, AudioFormat.WAV)


def open_speaker(formats=ALL, most_waiting=4, command=COMMAND):
    speaker = LocalSpeaker(formats, most_waiting, command)
    try:
        yield speaker
    finally:
        speaker.close()


@pytest.fixture(scope="module")
def speaker():
    yield from open_speaker()


@pytest.fixture
def own():
    """A speaker that a test may ill-treat."""
    yield from open_speaker()


def say(speaker, utterance=KOREAN, timeout_s=30.0):
    return speaker.speak(utterance, timeout_s=timeout_s)


def process_of(speaker):
    return speaker._turns.get().engine._process


@pytest.mark.parametrize("utterance", [KOREAN, ENGLISH], ids=["ko", "en"])
@pytest.mark.parametrize(
    ("kind", "container"),
    [(AudioFormat.WAV, "WAV"), (AudioFormat.OGG, "OGG"), (AudioFormat.MP3, "MP3")],
)
def test_speech_can_be_heard_in_every_language_and_format(speaker, utterance, kind, container):
    spoken = say(speaker, Utterance(utterance.text, utterance.language, format=kind))
    heard = listen(spoken.audio)
    assert (heard.kind, heard.sample_rate_hz) == (container, 22050)
    assert 1.5 < heard.seconds < 6.0
    assert heard.loudness > 0.03
    assert heard.loud_share > 0.5
    assert (spoken.format, spoken.language) == (kind, utterance.language)


def test_the_languages_do_not_sound_the_same(speaker):
    text = "고양이 cat"
    korean = say(speaker, Utterance(text, "ko-KR", format=AudioFormat.WAV))
    english = say(speaker, Utterance(text, "en-US", format=AudioFormat.WAV))
    assert korean.audio != english.audio
    assert (korean.voice, english.voice) == ("espeak-ko", "espeak-en-us")


def test_a_higher_rate_is_shorter_and_a_lower_one_longer(speaker):
    seconds = [
        listen(say(speaker, Utterance(KOREAN.text, "ko", rate=rate)).audio).seconds
        for rate in (0.5, 1.0, 2.0)
    ]
    assert seconds[0] > 1.5 * seconds[1] > 2.2 * seconds[2]


def test_longer_texts_play_longer(speaker):
    once, thrice = (
        listen(say(speaker, Utterance(KOREAN.text * times, "ko")).audio).seconds for times in (1, 3)
    )
    assert 2 * once < thrice < 4 * once


@pytest.mark.parametrize(
    ("language", "voice"),
    [("ko", "espeak-ko"), ("ko-KP", "espeak-ko"), ("en", "espeak-en-us"),
     ("en-GB", "espeak-en-gb"), ("en-AU", "espeak-en-us")],
)  # fmt: skip
def test_a_language_has_its_usual_voice(speaker, language, voice):
    assert say(speaker, Utterance("1", language)).voice == voice


def test_every_voice_that_is_listed_speaks_and_sounds_like_no_other(speaker):
    voices = speaker.voices(timeout_s=1.0)
    spoken = [
        say(speaker, Utterance("1 2 3", "ko", voice.name, format=AudioFormat.WAV))
        for voice in voices
    ]
    assert [one.voice for one in spoken] == [voice.name for voice in voices]
    assert [one.language for one in spoken] == [voice.languages[0] for voice in voices]
    assert len({one.audio for one in spoken}) == len(voices) == 6


@pytest.mark.parametrize(
    ("utterance", "words"),
    [
        (Utterance("hallo", "de-DE"), "nobody here speaks de-DE; ko-KR, en-US and en-GB"),
        (Utterance("hi", "en", "en-US-Neural2-A"), "no voice 'en-US-Neural2-A' here; there is"),
        (Utterance("---", "en"), "nothing in"),
    ],
)
def test_what_cannot_be_said_is_told_why(speaker, utterance, words):
    with pytest.raises(errors.InvalidRequest, match=words):
        say(speaker, utterance)


def test_without_an_encoder_there_is_wav_and_nothing_else():
    for speaker in open_speaker((AudioFormat.WAV,)):
        assert listen(say(speaker).audio).kind == "WAV"
        with pytest.raises(errors.InvalidRequest, match="mp3 is not to be had here; there is wav"):
            say(speaker, Utterance("hi", "en", format=AudioFormat.MP3))


def test_markup_and_odd_characters_are_no_commands(speaker):
    text = '<audio src="file:///etc/passwd"/> [[h@l@U]] \u0001 & \U0001f431'
    assert listen(say(speaker, Utterance(text, "en")).audio).seconds > 1.0


def test_the_process_is_started_for_the_first_text_and_kept(own):
    assert own._turns._value is None
    say(own)
    first = process_of(own)
    say(own, ENGLISH)
    assert process_of(own) is first


def test_a_process_that_died_is_started_again(own):
    say(own)
    process_of(own).send_signal(signal.SIGKILL)
    assert listen(say(own).audio).seconds > 1.0


def test_a_process_that_stands_still_is_ended_at_the_deadline_and_replaced(own):
    say(own)
    still = process_of(own)
    still.send_signal(signal.SIGSTOP)
    with pytest.raises(errors.DeadlineExceeded):
        say(own, timeout_s=0.3)
    assert still.poll() == -signal.SIGKILL
    assert listen(say(own).audio).seconds > 1.0


def test_more_than_may_wait_are_refused_and_the_rest_are_served():
    for speaker in open_speaker(most_waiting=2):
        say(speaker)
        process_of(speaker).send_signal(signal.SIGSTOP)
        outcomes, refused = [], threading.Event()

        def call(speaker=speaker, outcomes=outcomes, refused=refused):
            try:
                outcomes.append(say(speaker).voice)
            except errors.Overloaded as error:
                outcomes.append(error.code)
                refused.set()

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        refused.wait()
        process_of(speaker).send_signal(signal.SIGCONT)
        for thread in threads:
            thread.join()
        assert sorted(map(str, outcomes)) == ["Code.RESOURCE_EXHAUSTED", *["espeak-ko"] * 3]


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        ("import sys; sys.exit(3)", errors.ServiceUnreachable),
        ("import sys; sys.stdin.buffer.read(4)", errors.ServiceUnreachable),
        ("import sys; sys.stdin.buffer.read(4); print('nonsense')", errors.BadAnswer),
        (
            "import sys; sys.stdin.buffer.read(4); sys.stdout.buffer.write(b'\\0\\0\\0\\2[]')",
            errors.BadAnswer,
        ),
        (
            "import sys; sys.stdin.buffer.read(4);"
            "sys.stdout.buffer.write(b'\\0\\0\\0\\x0c{\"bytes\":-1}')",
            errors.BadAnswer,
        ),
    ],
)
def test_a_program_that_is_no_engine_is_told_apart(program, kind):
    for speaker in open_speaker(command=(sys.executable, "-c", program)):
        with pytest.raises(kind):
            say(speaker)


def test_a_program_that_is_not_there_is_unreachable(tmp_path):
    for speaker in open_speaker(command=(str(tmp_path / "none"),)):
        with pytest.raises(errors.ServiceUnreachable, match="cannot be started"):
            say(speaker)


def test_a_forked_process_has_an_engine_of_its_own(own):
    say(own)
    before = process_of(own).pid
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # nothing of pytest may run here
        try:
            say(own)
            os.write(writer, b"own" if process_of(own).pid != before else b"shared")
            process_of(own).kill()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        assert answer.read() == b"own"
    os.waitpid(child, 0)
    assert listen(say(own).audio).seconds > 1.0


def test_the_engine_ends_when_its_owner_is_killed():
    program = (
        "import os, signal\n"
        "from adapter.speech.local import LocalSpeaker\n"
        "from adapter.speech.spec import AudioFormat, Utterance\n"
        "speaker = LocalSpeaker((AudioFormat.WAV,), 1)\n"
        "speaker.speak(Utterance('hi', 'en'), timeout_s=30)\n"
        "print(speaker._turns.get().engine._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    # Its output pipe is held by the engine too, so the run ends when both have ended.
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.strip().isdigit()


def test_the_engine_does_not_see_our_environment(own, monkeypatch):
    monkeypatch.setenv("EASEL_SECRET", "hidden")
    say(own)
    environment = Path(f"/proc/{process_of(own).pid}/environ").read_bytes()
    assert b"EASEL_SECRET" not in environment


def test_a_speaker_that_is_thrown_away_takes_its_process_with_it():
    speaker = LocalSpeaker(ALL, 1)
    say(speaker)
    process = process_of(speaker)
    del speaker
    gc.collect()
    assert process.poll() == -signal.SIGKILL


@pytest.mark.parametrize(
    ("executable", "python"),
    [
        ("/venv/bin/python3.11", "/venv/bin/python3.11"),
        ("/usr/bin/uwsgi", "/venv/bin/python3"), ("", "/venv/bin/python3"),
    ],
)  # fmt: skip
def test_the_interpreter_is_found_also_inside_other_programs(executable, python):
    assert python_of(executable, "/venv") == python


def test_what_is_installed_here_is_found():
    assert is_installed()
    assert set(formats_installed()) == set(AudioFormat)
