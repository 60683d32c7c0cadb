"""No decision hangs on the time of day, which jumps."""

from __future__ import annotations

import ast

import pytest

from tests.support import ROOT

WALL_CLOCKS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"),
               ("datetime", "today"), ("date", "today")}  # fmt: skip
# These tell people, or write down for them, when something was.
TELLING = {ROOT / "serving" / "engine" / "statistics.py", *(ROOT / "serving").glob("observing/*")}
DECIDING = sorted(set((ROOT / "serving").rglob("*.py")) - TELLING)


@pytest.mark.parametrize("path", DECIDING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_what_tells_people_reads_the_time_of_day(path):
    asked = {
        (node.value.id, node.attr)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    assert asked & WALL_CLOCKS == set()
