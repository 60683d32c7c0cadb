"""What is handed in is written, in files that only their owner may read."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from adapter.config import FeedbackConfig
from adapter.feedback.folder import create, rename
from adapter.feedback.reading import Passed, read_log
from adapter.feedback.recorder import Recorder, build_recorder
from adapter.feedback.records import encode_line
from model_store.errors import InvalidRequest, Overloaded
from model_store.spec import ModelVersion
from tests.adapter.feedback.logs import WHEN, Answer, answered, record


class Clock:
    """Seconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.at = WHEN.timestamp()

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def config(tmp_path):
    return FeedbackConfig(log=str(tmp_path / "log"))


@pytest.fixture
def open_recorder(config, clock):
    made = []

    def build(**settings):
        made.append(Recorder(replace(config, **settings), clock=clock))
        return made[-1]

    yield build
    for recorder in made:
        recorder.close()


def read(config: FeedbackConfig) -> list[str]:
    return [one.request_id for one in read_log(Path(config.log), Passed())]


def names(config: FeedbackConfig) -> list[str]:
    return sorted(path.name for path in Path(config.log).iterdir())


def test_what_was_answered_is_a_record_with_picture_and_version(open_recorder, config):
    recorder = open_recorder()
    recorder.log(answered("r1", b"\x89PNG pixels"))
    recorder.close()
    (found,) = read_log(Path(config.log), Passed())
    assert (found.kind, found.request_id, found.time) == ("request", "r1", WHEN)
    assert (found.service, found.operation) == ("numbers", "recognise-numbers")
    assert (found.model, found.version, found.label) == ("numbers", 1, "3")
    assert found.image == b"\x89PNG pixels"
    assert found.answer == {"label": "3", "model": {"name": "numbers", "version": 1}}


def test_readers_see_a_file_when_it_is_finished(open_recorder, config):
    recorder = open_recorder()
    recorder.log(answered("r1"))
    assert recorder.settle()
    (name,) = [name for name in names(config) if name.endswith(".jsonl")]
    assert name.startswith(".open-20261123T041011-")
    recorder.close()
    assert name.removeprefix(".open-") in names(config)
    assert read(config) == ["r1"]


def test_only_the_owner_may_look(open_recorder, config):
    recorder = open_recorder()
    recorder.log(answered("r1"))
    recorder.settle()
    assert Path(config.log).stat().st_mode & 0o777 == 0o700
    modes = {path.stat().st_mode & 0o777 for path in Path(config.log).iterdir()}
    recorder.close()
    modes |= {path.stat().st_mode & 0o777 for path in Path(config.log).iterdir()}
    assert modes == {0o600}


def test_a_folder_with_other_things_in_it_is_left_open(open_recorder, config):
    Path(config.log).mkdir(mode=0o755)
    (Path(config.log) / "mine").write_text("x")
    recorder = open_recorder()
    recorder.log(answered("r1"))
    recorder.close()
    assert Path(config.log).stat().st_mode & 0o777 == 0o755
    assert read(config) == ["r1"]


def test_nothing_is_there_before_the_first_request(open_recorder, config):
    open_recorder().close()
    assert not Path(config.log).exists()


@pytest.mark.parametrize(
    ("share", "low", "high"), [(0.0, 0, 0), (0.25, 350, 650), (1.0, 2000, 2000)]
)
def test_as_many_are_kept_as_the_share_says_and_always_the_same(open_recorder, share, low, high):
    ids = [f"request-{number}" for number in range(2000)]
    sampled = list(filter(open_recorder(share=share).is_sampled, ids))
    assert low <= len(sampled) <= high
    assert sampled == list(filter(open_recorder(share=share).is_sampled, ids))


def test_feedback_is_kept_whatever_the_share(open_recorder, config):
    recorder = open_recorder(share=0.0)
    recorder.log(answered("r1"))
    recorder.note(record("r2", kind="feedback"))
    recorder.close()
    assert read(config) == ["r2"]


def test_more_than_may_wait_is_dropped_and_counted_and_feedback_is_refused(open_recorder):
    recorder = open_recorder(queue_bytes=5000)
    recorder.log(answered("large", b"x" * 5000))
    with pytest.raises(Overloaded, match="try again"):
        recorder.note(record("large", kind="feedback", image=b"x" * 5000))
    recorder.log(answered("small"))
    assert recorder.settle()
    assert (recorder.counts.dropped, recorder.counts.written) == (2, 1)


def test_a_large_answer_takes_its_room_as_a_large_picture_does(open_recorder):
    recorder = open_recorder(queue_bytes=5000)
    recorder.log(answered("large", label="x" * 5000))
    recorder.log(answered("small"))
    assert recorder.settle()
    assert (recorder.counts.dropped, recorder.counts.written) == (1, 1)


def test_a_loss_is_told_once_without_anything_of_the_records(open_recorder, clock, caplog):
    recorder = open_recorder(queue_bytes=5000)
    for _ in range(9):
        recorder.log(answered("secret-id", b"x" * 5000))
    recorder.log(answered("small"))
    recorder.close()
    (line,) = [entry.getMessage() for entry in caplog.records]
    assert line == "the request log lost 9 records to a full queue and 0 to the disk"


def test_the_next_file_begins_when_one_is_large_enough(open_recorder, config):
    recorder = open_recorder(file_bytes=600)
    for number in range(6):
        recorder.log(answered(f"r{number}", b"x" * 300))
        recorder.settle()
    recorder.close()
    assert len([name for name in names(config) if name.endswith(".jsonl")]) == 6
    assert sorted(read(config)) == [f"r{number}" for number in range(6)]


def test_the_next_file_begins_when_one_is_old_enough(open_recorder, config, clock):
    recorder = open_recorder(file_s=60)
    recorder.log(answered("r1"))
    recorder.settle()
    clock.at += 61
    recorder.log(answered("r2"))
    recorder.settle()
    assert read(config) == ["r1", "r2"]


def test_what_is_older_than_the_days_is_deleted_with_its_place_in_the_index(
    open_recorder, config, clock
):
    first = open_recorder()
    first.log(answered("r1"))
    first.close()
    assert open_recorder().find("r1") == ModelVersion("numbers", 1)
    clock.at += 29 * 86400
    second = open_recorder(keep_days=30)
    second.wake()
    second.close()
    assert read(config) == ["r1"]
    clock.at += 2 * 86400
    third = open_recorder(keep_days=30)
    third.log(answered("r2", at=clock.at))
    third.close()
    assert read(config) == ["r2"]
    assert open_recorder().find("r1") is None
    assert open_recorder().find("r2") == ModelVersion("numbers", 1)


def test_the_oldest_go_when_all_take_too_much(open_recorder, config, clock):
    recorder = open_recorder(file_bytes=500, max_bytes=3500)
    for number in range(9):
        recorder.log(answered(f"r{number}", b"x" * 600))
        recorder.settle()
        clock.at += 1
    recorder.close()
    assert read(config) == ["r6", "r7", "r8"]
    taken = sum(path.stat().st_size for path in Path(config.log).glob("*.jsonl"))
    assert taken <= 3500


def test_an_answer_is_found_by_its_id_in_another_process_too(open_recorder):
    first, second = open_recorder(), open_recorder()
    assert first.find("r1") is None
    first.log(answered("r1"))
    first.settle()
    assert second.find("r1") == ModelVersion("numbers", 1)


def test_nobody_makes_anothers_answer_theirs_by_sending_its_id(open_recorder):
    recorder = open_recorder()
    recorder.log(answered("r1"))
    recorder.settle()
    theirs = Answer("3", {"name": "doodles", "version": 7})
    recorder.log(msgspec.structs.replace(answered("r1"), answer=theirs))
    recorder.settle()
    assert recorder.find("r1") == ModelVersion("numbers", 1)


def test_a_damaged_index_costs_the_index_only(open_recorder, config, caplog):
    Path(config.log).mkdir()
    (Path(config.log) / "answers.sqlite").write_bytes(b"nonsense" * 2000)
    recorder = open_recorder()
    recorder.log(answered("r1"))
    assert recorder.find("r1") is None
    recorder.close()
    assert read(config) == ["r1"]
    assert "answers.sqlite, which may be deleted: file is not a database" in caplog.text


def test_a_folder_that_is_taken_away_is_made_anew(open_recorder, config, clock):
    recorder = open_recorder(file_s=60)
    recorder.log(answered("r1"))
    recorder.settle()
    shutil.rmtree(config.log)
    for request_id in ("r2", "r3"):
        clock.at += 61
        recorder.log(answered(request_id, at=clock.at))
        recorder.settle()
    recorder.log(answered("r4", at=clock.at))
    recorder.close()
    assert "r4" in read(config)
    assert open_recorder().find("r4") == ModelVersion("numbers", 1)


def test_two_processes_of_the_same_number_do_not_take_each_others_names(tmp_path):
    first = create(tmp_path, WHEN)
    second = create(tmp_path, WHEN)
    for name, file in (("r1", first), ("r2", second)):
        file.append(encode_line(record(name)))
        file.close(rename)
    third = create(tmp_path, WHEN)
    third.append(encode_line(record("r3")))
    third.close(rename)
    assert [one.request_id for one in read_log(tmp_path, Passed())] == ["r1", "r2", "r3"]


def test_parquet_is_written_where_it_is_asked_for(config):
    recorder = build_recorder(replace(config, format="parquet"))
    recorder.log(answered("r1"))
    recorder.close()
    assert [name.rpartition(".")[2] for name in names(config) if name[0] == "2"] == ["parquet"]
    assert read(config) == ["r1"]


def test_without_a_folder_there_is_no_log():
    assert build_recorder(FeedbackConfig()) is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"share": 1.5}, "share must be from 0 to 1"), ({"share": float("nan")}, "from 0 to 1"),
     ({"keep_days": 0}, "keep_days must be above 0"), ({"file_s": -1}, "file_s must be above 0")],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_told(settings, words):
    with pytest.raises(InvalidRequest, match=words):
        FeedbackConfig(**settings)
