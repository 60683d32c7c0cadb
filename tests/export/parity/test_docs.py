"""``docs/parity.md`` explains every key of ``parity.json`` and gives the tolerances that are used."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from export.parity import STANDARD, Divergence, OutputParity, ParityReport, Tolerance

TEXT = (Path(__file__).parents[3] / "docs" / "parity.md").read_text("utf-8")
KEYS = [
    *ParityReport(STANDARD, "", ()).to_json(),
    *(item.name for kind in (OutputParity, Divergence, Tolerance) for item in fields(kind)),
]


@pytest.mark.parametrize("key", sorted(set(KEYS)))
def test_every_key_is_explained(key):
    assert f"`{key}`" in TEXT


@pytest.mark.parametrize("dtype", sorted(STANDARD.by_dtype))
def test_the_tolerances_are_those_that_are_used(dtype):
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| {dtype} |")]
    used = STANDARD.of(dtype)
    assert [float(cell) for cell in line.split("|")[2:5]] == [used.rtol, used.atol, used.span]
