"""``docs/export.md``: what became of each model of the zoo, written by the test run.

Run ``python -m pytest tests/export/zoo`` to write it anew.  Differences are told by their power
of ten, and that may differ with the processor: the test compares all else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from export.kinds import KINDS
from tests.export.zoo.entry import Entry
from tests.support import ROOT

PAGE = ROOT / "docs" / "export.md"
_POWER = re.compile(r"off by (1e-\d\d at most|0)")
# Keras numbers its layers by what else was made in the process.
_NODE = re.compile(r"node [^\s):]+")
_HEAD = """\
# What becomes of a model

`easel export SOURCE --name NAME` finds out what the file is, converts it and proves that the result is the same model. This page is
written by the test run (`tests/export/zoo`): each line is a model that was built by its own framework, exported and compared with its
source on every output, at 1, 2, 7 and 32 rows and with other lengths where axes are free. *equal* says by which power of ten the worst
number is off at most; *refused* says why, in the words that the author reads, and what else there is.

| model | source | what there is to get wrong | to ONNX | to SavedModel |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one model as one target.

    Attributes:
        max_abs_error: Of the proof; None if it was refused.
        refusal: Why; empty if it was not.
    """

    max_abs_error: float | None = None
    refusal: str = ""

    def __str__(self) -> str:
        if self.max_abs_error is None:
            return "refused: " + _NODE.sub("node ...", self.refusal)
        if self.max_abs_error == 0:
            return "equal, off by 0"
        return f"equal, off by 1e-{-floor(log10(self.max_abs_error)) - 1:02d} at most"


def to_page(found: Sequence[tuple[Entry, Outcome | None, Outcome | None]]) -> str:
    """The whole page."""
    lines = [
        f"| {entry.name} | {KINDS[entry.kind].title} | {entry.what} | {onnx or '-'} | {saved or '-'} |"
        for entry, onnx, saved in found
    ]
    equal = sum(outcome is not None and not outcome.refusal for row in found for outcome in row[1:])
    refused = sum(
        outcome is not None and bool(outcome.refusal) for row in found for outcome in row[1:]
    )
    count = f"\n{len(found)} models, {equal} exports equal, {refused} refused with the reason.\n"
    return _HEAD + "\n".join(lines) + "\n" + count


def without_powers(page: str) -> str:
    """The page without what a processor decides."""
    return _POWER.sub("#", page)
