"""The log's records as Parquet; the only place that knows pyarrow.

Imported where that format is asked for, so that nobody else needs the package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from adapter.feedback.names import finished_path
from adapter.feedback.records import Record, decode_line
from model_store.errors import InvalidRequest

# Objects are JSON text, so that files of every version and service have one schema.
_OBJECTS = ("path", "options", "answer")
_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("request_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("service", pa.string()),
        ("operation", pa.string()),
        ("path", pa.string()),
        ("options", pa.string()),
        ("model", pa.string()),
        ("version", pa.int64()),
        ("label", pa.string()),
        ("known", pa.bool_()),
        ("answer", pa.string()),
        ("image", pa.binary()),
    ]
)
# Records at a time: pictures may have megabytes.
_ROWS = 32


def finish(lines: Path) -> Path:
    """Turn a file of lines into a Parquet file beside it, which appears whole.

    Where that fails, as on a full disk, the lines are kept as they are.
    """
    final = finished_path(lines, ".parquet")
    unfinished = lines.with_suffix(".parquet")
    try:
        _convert(lines, unfinished)
    except (OSError, pa.ArrowException):
        unfinished.unlink(missing_ok=True)
        final = finished_path(lines, ".jsonl")
        lines.rename(final)
        return final
    unfinished.rename(final)
    lines.unlink()
    return final


def _convert(lines: Path, target: Path) -> None:
    target.touch(mode=0o600)
    with lines.open("rb") as source, pq.ParquetWriter(target, _SCHEMA, compression="zstd") as out:
        records = filter(None, map(decode_line, source))
        while rows := list(map(_to_row, islice(records, _ROWS))):
            out.write_table(pa.Table.from_pylist(rows, _SCHEMA))


def read(path: Path) -> Iterator[Record | None]:
    """The records of a file; None for each row that is none.

    Raises:
        InvalidRequest: It is no Parquet file, or not one of a request log.
    """
    try:
        with pq.ParquetFile(path) as file:
            missing = sorted(set(_SCHEMA.names) - set(file.schema_arrow.names))
            if missing:
                raise InvalidRequest(
                    f"{path} is no request log: it has no column {', '.join(missing)}"
                )
            for batch in file.iter_batches(_ROWS, columns=_SCHEMA.names):
                yield from map(_to_record, batch.to_pylist())
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:  # a damaged footer is one of either
        raise InvalidRequest(f"{path} cannot be read as Parquet: {error}") from error


def _to_row(record: Record) -> dict[str, Any]:
    row = msgspec.structs.asdict(record)
    for name in _OBJECTS:
        if row[name] is not None:
            row[name] = json.dumps(row[name], ensure_ascii=False)
    return row


def _to_record(row: dict[str, Any]) -> Record | None:
    try:
        for name in _OBJECTS:
            if row[name] is not None:
                row[name] = msgspec.json.decode(row[name])
        return msgspec.convert(row, Record)
    except (msgspec.DecodeError, TypeError, RecursionError):
        return None
