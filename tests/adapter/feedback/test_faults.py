"""Full disks and killed processes: answers go on, and what was written stays readable."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapter.config import FeedbackConfig
from adapter.feedback import parquet
from adapter.feedback.folder import adopt_abandoned, create, rename
from adapter.feedback.reading import Passed, read_log
from adapter.feedback.recorder import Recorder
from adapter.feedback.records import encode_line
from tests.adapter.feedback.logs import WHEN, answered, record
from tests.support import ROOT

# Writes without end and says what is surely written.
_WRITER = """
import itertools, sys
from adapter.config import FeedbackConfig
from adapter.feedback.recorder import Recorder
from tests.adapter.feedback.logs import answered
recorder = Recorder(FeedbackConfig(log=sys.argv[1], file_bytes=int(sys.argv[2])))
for number in itertools.count():
    recorder.log(answered(f"r{number}", bytes(20_000)))
    if number % 10 == 0 and recorder.settle():
        print(number, flush=True)
"""


def read(folder: Path) -> tuple[list[str], Passed]:
    passed = Passed()
    return [one.request_id for one in read_log(folder, passed)], passed


@pytest.mark.parametrize("file_bytes", [10**9, 200_000], ids=["one file", "many files"])
def test_a_killed_process_loses_what_it_had_not_written_and_nothing_else(tmp_path, file_bytes):
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path), str(file_bytes)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        for line in process.stdout:
            if int(line) >= 100:
                break
        process.kill()
        surely = max(int(number) for number in [line, *process.stdout] if number.strip())
    Recorder(FeedbackConfig(log=str(tmp_path))).close()
    recorder = Recorder(FeedbackConfig(log=str(tmp_path)))
    recorder.wake()
    recorder.close()
    found, passed = read(tmp_path)
    assert found == [f"r{number}" for number in range(len(found))]
    assert len(found) > surely
    assert passed == Passed()


def test_what_a_living_process_writes_is_not_taken_from_it(tmp_path):
    file = create(tmp_path, WHEN)
    file.append(encode_line(record("r1")))
    assert adopt_abandoned(tmp_path, rename) == 0
    file.close(rename)
    assert read(tmp_path)[0] == ["r1"]


@pytest.mark.parametrize("finish", [rename, parquet.finish], ids=["lines", "parquet"])
def test_a_line_that_was_cut_short_goes_and_those_before_it_stay(tmp_path, finish):
    whole, cut = encode_line(record("r1")), encode_line(record("r2", image=bytes(200_000)))
    (tmp_path / ".open-20261123T041011-7-1.jsonl").write_bytes(whole + cut[:-9])
    (tmp_path / ".open-20261123T041011-7-2.jsonl").write_bytes(cut[:100])
    (tmp_path / ".open-20261123T041011-7-3.jsonl").write_bytes(b"")
    assert adopt_abandoned(tmp_path, finish) == 3
    assert read(tmp_path) == (["r1"], Passed())
    assert len(list(tmp_path.iterdir())) == 1


def test_a_parquet_file_that_was_cut_short_is_made_again_of_its_lines(tmp_path):
    (tmp_path / ".open-20261123T041011-7-1.jsonl").write_bytes(encode_line(record("r1")))
    (tmp_path / ".open-20261123T041011-7-1.parquet").write_bytes(b"PAR1 half")
    (tmp_path / ".open-20261123T041011-7-2.parquet").write_bytes(b"PAR1 left over")
    adopt_abandoned(tmp_path, parquet.finish)
    assert [path.name for path in tmp_path.iterdir()] == ["20261123T041011-7-1.parquet"]
    assert read(tmp_path)[0] == ["r1"]


@pytest.mark.parametrize("finish", [rename, parquet.finish], ids=["lines", "parquet"])
def test_who_is_killed_when_the_parquet_file_is_there_leaves_no_record_twice(tmp_path, finish):
    lines = tmp_path / ".open-20261123T041011-7-1.jsonl"
    lines.write_bytes(encode_line(record("r1")))
    parquet.finish(lines)
    lines.write_bytes(encode_line(record("r1")))
    adopt_abandoned(tmp_path, finish)
    assert read(tmp_path) == (["r1"], Passed())


def test_a_full_disk_costs_records_and_is_told(small_disk, caplog):
    recorder = Recorder(FeedbackConfig(log=str(small_disk / "log")))
    for number in range(20):
        recorder.log(answered(f"r{number}", bytes(100_000)))
        recorder.settle()
    lost = recorder.counts.failed
    recorder.log(answered("small"))
    recorder.close()
    assert lost > 5
    found, passed = read(small_disk / "log")
    assert found[-1] == "small"
    assert len(found) == 21 - lost
    assert passed == Passed()
    assert "cannot be written: No space left on device" in caplog.text


def test_a_folder_that_cannot_be_made_costs_records_only(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    recorder = Recorder(FeedbackConfig(log=str(tmp_path / "file" / "log")))
    recorder.log(answered("r1"))
    assert recorder.settle()
    assert recorder.counts.failed == 1
    recorder.close()
    assert "Not a directory" in caplog.text


def _log_one(recorder: Recorder, name: str) -> None:
    recorder.log(answered(name))


def test_every_forked_process_has_a_file_and_ends_it_with_itself(tmp_path):
    recorder = Recorder(FeedbackConfig(log=str(tmp_path)))
    recorder.log(answered("parent"))
    recorder.settle()
    context = multiprocessing.get_context("fork")
    children = [
        context.Process(target=_log_one, args=(recorder, f"child-{number}")) for number in (1, 2)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
    recorder.close()
    assert sorted(read(tmp_path)[0]) == ["child-1", "child-2", "parent"]


def test_an_interpreter_that_ends_writes_what_it_was_given(tmp_path):
    code = _WRITER.replace("itertools.count()", "range(50)").replace("recorder.settle()", "False")
    subprocess.run([sys.executable, "-c", code, str(tmp_path), "999999999"], cwd=ROOT, check=True)
    assert len(read(tmp_path)[0]) == 50


def test_a_terminated_process_of_a_server_writes_what_it_was_given(tmp_path):
    code = _WRITER.replace("recorder =", "import signal; signal.signal(signal.SIGTERM, "
                           "lambda *_: sys.exit(0))\nrecorder =")  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "999999999"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        process.stdout.readline()
        os.kill(process.pid, signal.SIGTERM)
        process.communicate()
    found, passed = read(tmp_path)
    assert found == [f"r{number}" for number in range(len(found))]
    assert passed == Passed()
