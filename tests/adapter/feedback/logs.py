"""What the tests of the request log have in common."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import strategies as st

from adapter.feedback.records import Answered, Record

WHEN = datetime(2026, 11, 23, 4, 10, 11, tzinfo=UTC)


class Answer(msgspec.Struct, frozen=True):
    label: str
    model: dict[str, object]


def answered(
    request_id: str = "r1", picture: bytes = b"\x89PNG", label: str = "3", at: float | None = None
) -> Answered:
    return Answered(
        request_id=request_id,
        at=WHEN.timestamp() if at is None else at,
        service="numbers",
        operation="recognise-numbers",
        path={},
        options=None,
        picture=picture,
        answer=Answer(label, {"name": "numbers", "version": 1}),
    )


def record(request_id: str = "r1", **more: object) -> Record:
    values = {"kind": "request", "time": WHEN, "model": "numbers", "version": 1, "label": "3"}
    return Record(request_id=request_id, **{**values, **more})


_text = st.text(st.characters(codec="utf-8"), max_size=20)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _text
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_objects = st.dictionaries(_text, _json, max_size=3)

records = st.builds(
    Record,
    kind=st.sampled_from(["request", "feedback"]),
    request_id=_text,
    # What both formats tell apart: microseconds.
    time=st.datetimes(
        datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001
    ),
    service=_text,
    operation=_text,
    path=st.dictionaries(_text, _text, max_size=2),
    options=_objects,
    model=_text,
    version=st.integers(0, 2**63 - 1),
    label=_text,
    known=st.none() | st.booleans(),
    answer=st.none() | _objects,
    image=st.binary(max_size=200),
)  # fmt: skip
