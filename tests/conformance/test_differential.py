"""The same requests to Easel and to a real Triton; see ``differences.toml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conformance.asking import NAMES, ask
from tests.conformance.differences import read_differences, verdict
from tests.conformance.triton_server import CannotRun, Triton

KNOWN = read_differences()


@pytest.fixture(scope="module")
def answers(conformance_store: Path, triton: Triton) -> Mapping[str, tuple[str, str]]:
    """Triton's answer and Easel's by the case."""
    try:
        return ask(triton, conformance_store)
    except CannotRun as reason:
        pytest.fail(str(reason))


@pytest.mark.parametrize("case", NAMES)
def test_easel_answers_as_triton_does_or_differs_as_listed(case: str, answers):
    assert verdict(KNOWN, case, *answers[case]) == ""


def test_every_listed_difference_has_its_case_and_its_reason():
    assert len(NAMES) == len(set(NAMES))
    assert set(KNOWN.cases) <= set(NAMES)
    used = {each.why for each in (*KNOWN.cases.values(), *KNOWN.rules)}
    assert used == set(KNOWN.reasons)


def test_every_rule_is_needed(answers):
    for rule in KNOWN.rules:
        assert any(re.search(rule.pattern, triton) for triton, _ in answers.values()), rule
