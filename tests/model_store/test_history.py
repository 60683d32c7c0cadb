"""A history is read whatever it holds, and says where a rollback leads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.history import (
    Change,
    History,
    decode,
    encode_line,
    from_json,
    named_before,
    to_json,
)

VERSIONS = st.integers(1, 10**18 - 1)
CHANGES = st.builds(
    Change,
    number=st.integers(1, 10**6),
    time=st.text(),
    actor=st.text(),
    action=st.sampled_from(["promote", "rollback"]) | st.text(),
    label=st.text(),
    before=VERSIONS | st.none(),
    after=VERSIONS | st.none(),
    reason=st.text(),
)


def lines(*changes: Change) -> bytes:
    return b"".join(encode_line(change) + b"\n" for change in changes)


def trail(*steps: int, rollback: tuple[int, ...] = ()) -> list[Change]:
    """Changes of ``stable``; those whose place is in *rollback* are rollbacks."""
    named = [None, *steps]
    return [
        Change(
            i + 1, "t", "ana", "rollback" if i in rollback else "promote", "stable",
            named[i], named[i + 1],
        )
        for i in range(len(steps))
    ]  # fmt: skip


@given(st.lists(CHANGES))
def test_what_is_written_is_read(changes):
    assert decode(lines(*changes)) == History(tuple(changes))


@given(CHANGES)
def test_a_change_is_one_line_of_ascii(change):
    line = encode_line(change)
    assert b"\n" not in line
    assert line.isascii()
    assert from_json(json.loads(line) | {"percent": 5}) == change


@given(st.lists(CHANGES, min_size=1), st.data())
def test_a_file_that_was_cut_anywhere_loses_only_the_line_that_was_cut(changes, data):
    whole = lines(*changes)
    cut = data.draw(st.integers(0, len(whole)))
    found = decode(whole[:cut])
    assert found.damaged == ()
    assert found.changes == tuple(changes[: whole[:cut].count(b"\n")])


@given(st.binary())
def test_any_bytes_are_a_history_with_every_damaged_line_told(data):
    found = decode(data)
    assert len(found.changes) + len(found.damaged) == data.count(b"\n")


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"[]", b"7", b"null", b"\xff", b"{}", b"[" * 100_000,
        json.dumps(to_json(trail(1)[0]) | {"change": 0}).encode(),
        json.dumps(to_json(trail(1)[0]) | {"change": True}).encode(),
        json.dumps(to_json(trail(1)[0]) | {"to": 1.0}).encode(),
        json.dumps(to_json(trail(1)[0]) | {"to": 10**18}).encode(),
        json.dumps(to_json(trail(1)[0]) | {"actor": None}).encode(),
    ],
)  # fmt: skip
def test_a_damaged_line_is_told_and_hides_no_other(line):
    (first, second) = trail(1, 2)
    assert decode(lines(first) + line + b"\n" + lines(second)) == History((first, second), (2,))


def test_the_last_change_has_the_highest_number_wherever_it_stands():
    first, second = trail(1, 2)
    assert (History().last, History((second, first)).last) == (0, 2)


@pytest.mark.parametrize(
    ("changes", "now", "before"),
    [
        ([], None, None),
        ([], 3, None),
        (trail(1), 1, None),
        (trail(1, 2, 3), 3, 2),
        (trail(1, 2, 3, 2, rollback=(3,)), 2, 1),
        (trail(1, 2, 3, 2, 1, rollback=(3, 4)), 1, None),
        (trail(1, 2, 1), 1, 2),
        (trail(1, 2, 3, 2, 4, rollback=(3,)), 4, 2),
        (trail(1, 2), 5, 2),
        (trail(7, rollback=(0,)), 3, 7),
    ],
)
def test_a_rollback_leads_to_what_was_named_before_and_never_back_again(changes, now, before):
    assert named_before(changes, "stable", now) == before


def test_what_a_label_named_before_anything_was_written_down_counts():
    change = Change(1, "t", "ana", "promote", "stable", 4, 5)
    assert named_before([change], "stable", 5) == 4
    assert named_before([change], "canary", 5) is None


@given(st.lists(CHANGES), st.text(), VERSIONS | st.none())
def test_a_rollback_never_leads_to_where_one_is(changes, label, now):
    before = named_before(changes, label, now)
    assert before is None or before != now


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12))
def test_rolling_back_as_often_as_can_be_ends_at_the_first(promoted):
    changes = trail(*promoted)
    now, seen = promoted[-1], 0
    while (before := named_before(changes, "stable", now)) is not None:
        changes.append(Change(len(changes) + 1, "t", "ana", "rollback", "stable", now, before))
        now, seen = before, seen + 1
        assert seen <= len(promoted)
    assert now == promoted[0]
