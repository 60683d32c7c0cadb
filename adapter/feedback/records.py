"""One entry of the request log, and the line of JSON that it is in a file.

Knows neither HTTP nor the folder; ``folder`` keeps the lines, ``reading`` reads them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

# What fits into every column of every format.
_Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked and answered, or what somebody says the right label is.

    Attributes:
        kind: ``request`` or ``feedback``.
        request_id: The answer's ``X-Request-Id``; feedback has that of the answer it is about.
        time: When it was answered, or said; in UTC.
        service: Which service answered.
        operation: The operation's name.
        path: Parts of the address, by name.
        options: What was asked for beside the picture.
        model: Which model answered; empty where none did.
        version: The version that answered; 0 where none did.
        label: The best label of the answer, or the right one of the feedback.
        known: Of feedback, whether the version has that label; None when nobody could tell.
        answer: The answer's body.
        image: The encoded picture as it was sent; base64 in JSON.
    """

    kind: Literal["request", "feedback"]
    request_id: str
    time: datetime
    service: str = ""
    operation: str = ""
    path: dict[str, str] = {}
    options: dict[str, Any] = {}
    model: str = ""
    version: _Whole = 0
    label: str = ""
    known: bool | None = None
    answer: dict[str, Any] | None = None
    image: bytes = b""


class Answered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request as it is known where it was answered; becomes a record off the hot path.

    Attributes:
        at: When, in seconds since 1970.
        answer: The answer, as it was made.
    """

    request_id: str
    at: float
    service: str
    operation: str
    path: Mapping[str, str]
    options: msgspec.Struct | None
    picture: bytes
    answer: msgspec.Struct


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode


def encode_line(record: Record) -> bytes:
    """The record as one line of JSON, with its end."""
    return _encode(record) + b"\n"


def decode_line(line: bytes) -> Record | None:
    """The record of a line; None for a line that is none, or that was cut short."""
    try:
        record = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return record if record.time.tzinfo is not None else None


def to_record(answered: Answered) -> Record:
    """What is kept of an answered request; model, version and label are those of its answer."""
    answer = msgspec.to_builtins(answered.answer)
    model = answer.get("model")
    named = model if isinstance(model, dict) else {}
    return Record(
        kind="request",
        request_id=answered.request_id,
        time=to_time(answered.at),
        service=answered.service,
        operation=answered.operation,
        path=dict(answered.path),
        options=msgspec.to_builtins(answered.options) if answered.options is not None else {},
        model=str(named.get("name", "")),
        version=int(named.get("version", 0)),
        label=str(answer.get("label", "")),
        answer=answer,
        image=answered.picture,
    )


def to_time(at: float) -> datetime:
    """Seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(at, UTC)
