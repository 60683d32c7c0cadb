"""``easel replay`` over a real log, a real server and two versions that differ."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from adapter.feedback import parquet
from adapter.feedback.records import decode_line, encode_line
from adapter.replay import cli
from model_store.errors import InvalidRequest, RecordNotFound, ServableNotFound
from tests.adapter.feedback.logs import record
from tests.support import easel_command


@pytest.fixture
def replay(served, capsys):
    def run(*arguments, log=served.log, status=0):
        server = ["--store", str(served.store), "--model-server", served.server.address]
        assert cli.main([str(log), *arguments, *server]) == status
        return capsys.readouterr().out

    return run


@pytest.fixture
def report(replay):
    return lambda *arguments, **more: json.loads(replay(*arguments, "--json", **more))


def expected(served, *wanted: str) -> int:
    return sum(label in wanted for label in served.digits.values())


def test_the_version_that_answered_agrees_with_itself(report, served):
    found = report("numbers/1")
    assert (found["compared"], found["agreement"]) == (len(served.digits), 1.0)
    assert found["confusion"] == found["worst"] == []
    assert found["failed"] == {}


def test_another_version_disagrees_where_it_differs(report, served):
    found = report("numbers/2")
    fours, nines = expected(served, "4"), expected(served, "9")
    assert fours > 1
    assert nines
    assert found["compared"] == len(served.digits)
    assert found["disagreed"] == fours + nines
    assert found["agreement"] == 1 - (fours + nines) / len(served.digits)
    assert {(pair["before"], pair["after"], pair["count"]) for pair in found["confusion"]} == {
        ("4", "9", fours),
        ("9", "4", nines),
    }
    of_label = {
        label["label"]: (label["compared"], label["disagreed"]) for label in found["labels"]
    }
    assert of_label["4"] == (fours, fours)
    assert of_label["1"] == (expected(served, "1"), 0)


def test_feedback_says_which_side_is_right(report):
    assert report("numbers/2")["feedback"] == {
        "both_right": 1,
        "only_before_right": 1,
        "only_after_right": 1,
        "neither_right": 1,
        "pictures_alone": 0,
        "pictures_alone_right": 0,
    }


def test_the_worst_are_those_of_which_both_are_most_sure(report):
    worst = report("numbers/2", "--worst", "3")["worst"]
    assert len(worst) == 3
    sure = [min(one["before"]["score"], one["after"]["score"]) for one in worst]
    assert sure == sorted(sure, reverse=True)
    assert all(one["before"]["version"] == 1 and one["after"]["version"] == 2 for one in worst)


@pytest.mark.parametrize("against", ["1", "stable", "numbers/1"])
def test_two_versions_are_compared_with_each_other(report, served, against):
    found = report("numbers/candidate", "--against", against)
    assert (found["version"], found["against"]) == ("numbers/2", "numbers/1")
    assert found["disagreed"] == expected(served, "4", "9")


def test_people_read_the_same_numbers(replay, served):
    text = replay("numbers/2")
    for line in ("numbers/2 with the log", "another label", "feedback on", "4 of them",
                 "of these both were most sure:"):  # fmt: skip
        assert line in text
    assert f"({100 * (1 - expected(served, '4', '9') / len(served.digits)):.2f} %)" in text


def test_too_little_agreement_is_status_1(replay):
    replay("numbers/2", "--min-agreement", "0.9", status=1)
    replay("numbers/2", "--min-agreement", "0.1")


def test_no_more_pictures_are_asked_about_than_wanted(report):
    assert report("numbers/1", "--limit", "5", "--parallel", "2")["compared"] == 5


def test_a_log_in_parquet_is_replayed_alike(report, served, tmp_path):
    (log,) = served.log.glob("*.jsonl")
    lines = tmp_path / f".open-{log.name}"
    shutil.copy(log, lines)
    finished = parquet.finish(lines)
    found = report("numbers/2", log=finished)
    of_lines = report("numbers/2", log=log)
    assert {**found, "seconds": 0} == {**of_lines, "seconds": 0}


def test_what_is_no_record_and_no_picture_is_counted_and_the_rest_replayed(
    report, served, tmp_path
):
    (log,) = served.log.glob("*.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    broken = decode_line(lines[0])
    assert broken is not None
    damaged = encode_line(type(broken)(**{**_fields(broken), "image": b"\x89PNG no"}))
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join([b"not ours\n", damaged, *lines[1:], lines[0][:50]]))
    found = report("numbers/1", log=path)
    assert found["log"]["lines_passed_over"] == 2
    assert found["compared"] == len(served.digits) - 1
    assert sum(found["failed"].values()) == 1


def test_a_picture_that_came_with_feedback_counts_for_the_version(report, served, tmp_path):
    (log,) = served.log.glob("*.jsonl")
    first = decode_line(log.read_bytes().splitlines(keepends=True)[0])
    assert first is not None
    shown = {**_fields(first), "kind": "feedback", "service": "feedback", "operation": "correct",
             "answer": None, "options": {}}  # fmt: skip
    path = tmp_path / "log.jsonl"
    path.write_bytes(
        encode_line(type(first)(**shown))
        + encode_line(type(first)(**{**shown, "label": "another"}))
    )
    found = report("numbers/1", log=path)
    assert found["compared"] == 0
    assert found["feedback"]["pictures_alone"] == 2
    assert found["feedback"]["pictures_alone_right"] == 1


def test_the_log_does_not_say_which_version_is_asked(report, served, tmp_path):
    (log,) = served.log.glob("*.jsonl")
    first = decode_line(log.read_bytes().splitlines(keepends=True)[0])
    assert first is not None
    asked = {**_fields(first), "options": {"top_k": 3, "version": 1, "version_label": "stable"}}
    (tmp_path / "log.jsonl").write_bytes(encode_line(type(first)(**asked)))
    found = report("numbers/2", log=tmp_path / "log.jsonl")
    assert (found["compared"], found["failed"]) == (1, {})


def test_pictures_of_disagreements_are_saved_for_their_owner(replay, served, tmp_path):
    replay("numbers/2", "--save", str(tmp_path / "differ"))
    saved = sorted((tmp_path / "differ").iterdir())
    wanted = {
        f"{label}-{'9' if label == '4' else '4'}-{request_id}.png"
        for request_id, label in served.digits.items()
        if label in "49"
    }
    assert {path.name for path in saved} == wanted
    assert {path.stat().st_mode & 0o777 for path in saved} == {0o600}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in saved)


def test_a_page_shows_the_disagreements_and_loads_nothing(replay, tmp_path):
    replay("numbers/2", "--html", str(tmp_path / "report.html"))
    text = (tmp_path / "report.html").read_text("utf-8")
    assert text.count('<img alt="" src="data:image/png;base64,') > 2
    assert "default-src 'none'" in text
    assert "http://" not in text.replace("http-equiv", "")
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        (["LOG", "numbers/7"], ServableNotFound, "no version numbers/7"),
        (["LOG", "cats/1"], ServableNotFound, "cats"),
        (["LOG", "numbers/two"], ServableNotFound, "no version of numbers is labelled 'two'"),
        (["LOG", "numbers/2", "--against", "cats/1"], ServableNotFound, "cats"),
        (["LOG", "numbers/2", "--parallel", "0"], InvalidRequest, "parallel must be at least 1"),
        (["LOG", "numbers/2", "--min-agreement", "2"], InvalidRequest, "must be at most 1"),
        (["LOG", "numbers/2", "--timeout-s", "nan"], InvalidRequest, "timeout-s must be above 0"),
        (["/no/log", "numbers/2"], InvalidRequest, "there is no request log at /no/log"),
    ],
)
def test_what_cannot_be_replayed_is_told(served, arguments, kind, words):
    arguments = [str(served.log) if one == "LOG" else one for one in arguments]
    with pytest.raises(kind, match=words):
        cli.main([*arguments, "--store", str(served.store)])


def test_a_version_that_the_server_has_not_loaded_is_told_how_to_load_it(served, numbers_server):
    place = ["--store", str(served.store), "--model-server", numbers_server.address]
    with pytest.raises(ServableNotFound, match="easel promote numbers 2 --label candidate"):
        cli.main([str(served.log), "numbers/2", *place])


def test_a_log_that_is_still_written_to_is_told_when_it_can_be_read(served, tmp_path):
    (tmp_path / ".open-20261123T041011-4711-0001.jsonl").write_bytes(encode_line(record("a")))
    with pytest.raises(RecordNotFound, match="numbers .* in a finished file; .*feedback_file_s"):
        cli.main([str(tmp_path), "numbers/1", "--store", str(served.store)])


def test_a_log_of_other_models_has_nothing_to_replay(served, tmp_path):
    (tmp_path / "log.jsonl").write_bytes(encode_line(record(model="cats", image=b"x")))
    with pytest.raises(RecordNotFound, match="no picture that numbers was asked about"):
        cli.main([str(tmp_path / "log.jsonl"), "numbers/1", "--store", str(served.store)])


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--model-server", "127.0.0.1:1"], 1, "easel replay: "),
        (["--worst", "-1"], 2, "easel replay: --worst must be at least 0"),
    ],
)
def test_a_failure_is_one_line_and_the_right_status(served, arguments, status, words):
    done = subprocess.run(
        [*easel_command("replay"), str(served.log), "numbers/2", *arguments,
         "--store", str(served.store)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(words)


def _fields(record):
    return {name: getattr(record, name) for name in record.__struct_fields__}
