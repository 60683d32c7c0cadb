"""The differences from Triton that are known, and why each is there.

``differences.toml`` has reasons by their names; rules, which change a part of Triton's
answer wherever it stands; and cases, each with both answers in full.  ``python -m
tests.conformance.write_differences`` writes the cases anew, a new one's reason as "?".
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).with_name("differences.toml")


@dataclass(frozen=True, slots=True)
class Difference:
    """What each server answers to one case, and why that is right."""

    triton: str
    easel: str
    why: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A text of Triton's answers that is something else, or nothing, in ours."""

    pattern: str
    ours: str
    why: str

    def apply(self, text: str) -> str:
        """The answer as we would give it."""
        return re.sub(self.pattern, self.ours, text)


@dataclass(frozen=True, slots=True)
class Known:
    """Every known difference."""

    reasons: Mapping[str, str]
    rules: Sequence[Rule]
    cases: Mapping[str, Difference]


def read_differences() -> Known:
    """Read the file."""
    value = tomllib.loads(PATH.read_text(encoding="utf-8"))
    cases = {name: Difference(**item) for name, item in value["case"].items()}
    return Known(value["reason"], [Rule(**item) for item in value["rule"]], cases)


def as_ours(known: Known, triton: str) -> str:
    """Triton's answer after every rule."""
    for rule in known.rules:
        triton = rule.apply(triton)
    return triton


def verdict(known: Known, case: str, triton: str, easel: str) -> str:
    """What is wrong with two answers to one case, or nothing."""
    triton = as_ours(known, triton)
    listed = known.cases.get(case)
    if listed is None:
        same = triton == easel
        return "" if same else f"a difference that is not listed\ntriton: {triton}\neasel:  {easel}"
    if triton == easel:
        return f"a listed difference that is gone; both answer {easel}"
    if (triton, easel) == (listed.triton, listed.easel):
        return ""
    return (
        f"another difference than listed\ntriton: {triton}\nlisted: {listed.triton}\n"
        f"easel:  {easel}\nlisted: {listed.easel}"
    )
