"""A log is read back as it was written, whatever else lies in it."""

from __future__ import annotations

import tempfile
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.feedback import parquet
from adapter.feedback.reading import Passed, read_log
from adapter.feedback.records import decode_line, encode_line
from model_store.errors import InvalidRequest
from tests.adapter.feedback.logs import record, records


def read(path: Path) -> tuple[list, Passed]:
    passed = Passed()
    return list(read_log(path, passed)), passed


@given(records)
def test_a_record_is_one_line_and_comes_back_as_it_was(written):
    line = encode_line(written)
    assert line.count(b"\n") == 1
    assert decode_line(line) == written


@settings(max_examples=40)  # each is a file; 2,000 were run once
@given(st.lists(records, min_size=1, max_size=5))
def test_parquet_gives_back_what_was_written(written):
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / ".open-20261123T041011-7-1.jsonl"
        lines.write_bytes(b"".join(map(encode_line, written)))
        finished = parquet.finish(lines)
        assert finished == Path(folder) / "20261123T041011-7-1.parquet"
        assert finished.stat().st_mode & 0o777 == 0o600
        found, passed = read(finished)
        assert [one.time.astimezone(UTC) for one in found] == [one.time for one in written]
        assert found == written
        assert passed == Passed()
        assert [path.name for path in Path(folder).iterdir()] == [finished.name]


@given(st.lists(records | st.binary(max_size=60), max_size=6), st.integers(0, 400))
def test_foreign_lines_and_a_cut_end_cost_only_themselves(mixed, cut):
    parts = [encode_line(one) if not isinstance(one, bytes) else one + b"\n" for one in mixed]
    data = b"".join(parts)
    data = data[: max(0, len(data) - cut)]
    whole, end = [], 0
    for one, part in zip(mixed, parts, strict=True):
        end += len(part)
        if not isinstance(one, bytes) and end <= len(data) + 1:  # the last end of line may go
            whole.append(one)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        path.write_bytes(data)
        found, _ = read(path)
    assert found == whole


def _framed(data: bytes) -> bytes:
    return b"PAR1" + data + len(data).to_bytes(4, "little") + b"PAR1"


@given(st.binary(max_size=300) | st.binary(max_size=300).map(_framed))
def test_no_file_of_parquets_name_is_a_failure_of_ours(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        path.write_bytes(data)
        with pytest.raises(InvalidRequest, match="cannot be read as Parquet"):
            read(path)


def test_lines_that_are_no_records_are_counted(tmp_path):
    path = tmp_path / "log.jsonl"
    good = encode_line(record())
    path.write_bytes(good + b"\n{}\n[1]\nnot json\n\xff\n" + b"[" * 100_000 + b"\n" + good[:40])
    found, passed = read(path)
    assert found == [record()]
    assert passed == Passed(lines=6)


def test_a_time_without_a_zone_is_no_record():
    assert decode_line(encode_line(record()).replace(b"11Z", b"11")) is None


def test_a_folder_gives_its_finished_files_in_order_and_says_what_it_left_out(tmp_path):
    (tmp_path / "20261123T041012-8-1.jsonl").write_bytes(encode_line(record("second")))
    (tmp_path / "20261123T041011-9-1.jsonl").write_bytes(encode_line(record("first")))
    (tmp_path / ".open-20261123T041013-8-2.jsonl").write_bytes(encode_line(record("not yet")))
    (tmp_path / "20261123T041014-8-1.parquet").write_bytes(b"nonsense")
    (tmp_path / "20261399T041014-8-1.jsonl").write_bytes(encode_line(record("no such day")))
    (tmp_path / "notes.jsonl").write_text("mine")
    found, passed = read(tmp_path)
    assert [one.request_id for one in found] == ["first", "second"]
    assert passed == Passed(files=1, unfinished=1)


def test_another_parquet_file_is_told_by_what_it_lacks(tmp_path):
    path = tmp_path / "other.parquet"
    table = parquet.pa.table({"kind": ["cat"], "label": ["3"]})
    parquet.pq.write_table(table, path)
    with pytest.raises(InvalidRequest, match="no request log: it has no column answer, image"):
        read(path)


@pytest.mark.parametrize(("name", "words"), [("", "holds no request log"), ("no", "there is no")])
def test_where_no_log_is_that_is_said(tmp_path, name, words):
    with pytest.raises(InvalidRequest, match=words):
        read(tmp_path / name)
