"""Reads a request log back: a file or a folder of them, lines or Parquet.

What is no record is counted and passed over: a line that a full disk cut short, somebody
else's file.  Records come one at a time, so that a log may be larger than the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from adapter.feedback.names import log_files
from adapter.feedback.records import Record, decode_line
from model_store.errors import InvalidRequest


@dataclass(slots=True)
class Passed:
    """What was passed over while a log was read.

    Attributes:
        lines: Lines or rows that are no records.
        files: Files that cannot be read at all.
        unfinished: Files that a process is still writing.
    """

    lines: int = 0
    files: int = 0
    unfinished: int = 0


def read_log(path: Path, passed: Passed) -> Iterator[Record]:
    """The records of a file, or of a folder's finished files, oldest file first.

    Args:
        path: The file or folder.
        passed: Counts what is no record.

    Raises:
        InvalidRequest: There is no log at *path*, or Parquet cannot be read here.
    """
    if path.is_file():
        yield from _read_file(path, passed)
        return
    if not path.is_dir():
        raise InvalidRequest(f"there is no request log at {path}")
    files = list(log_files(path))
    passed.unfinished = sum(file.is_open for file in files)
    finished = [file.path for file in files if not file.is_open]
    if not files:
        raise InvalidRequest(f"{path} holds no request log: no file of one is in it")
    for file in finished:
        try:
            yield from _read_file(file, passed)
        except FileNotFoundError:  # it was old enough to go
            continue
        except (OSError, InvalidRequest) as error:
            if isinstance(error.__cause__, ModuleNotFoundError):
                raise
            passed.files += 1


def _read_file(path: Path, passed: Passed) -> Iterator[Record]:
    found = _read_parquet(path) if path.suffix == ".parquet" else _read_lines(path)
    for record in found:
        if record is None:
            passed.lines += 1
        else:
            yield record


def _read_lines(path: Path) -> Iterator[Record | None]:
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield decode_line(line)


def _read_parquet(path: Path) -> Iterator[Record | None]:
    try:
        parquet = import_module("adapter.feedback.parquet")
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise InvalidRequest(
            f"{path} needs pyarrow to be read; run: pip install 'easel[parquet]'"
        ) from error
    found: Iterator[Record | None] = parquet.read(path)
    return found
