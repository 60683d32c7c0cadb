"""What only one process can have at a time."""

from __future__ import annotations

from adapter.claims import claim


def test_everybody_has_another_number_and_who_is_late_none(tmp_path):
    assert [claim(tmp_path, "seat", (2, 5)) for _ in range(3)] == [2, 5, None]


def test_different_kinds_are_claimed_by_themselves(tmp_path):
    assert [claim(tmp_path, kind, range(1)) for kind in ("seat", "bed", "bed")] == [0, 0, None]
