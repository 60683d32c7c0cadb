"""Every official client against a server with several models and versions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.conformance.matrix import PAGE, SCRIPTS, Result, page, run_script, versions

Run = Callable[[str], list[Result]]


@pytest.fixture(scope="module")
def run(conformance_store: Path) -> Run:
    """What a script found; each runs once."""
    return cache(lambda script: run_script(script, conformance_store))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_feature_of_a_client_works(script: str, run: Run):
    results = run(script)
    assert results
    failed = [f"{each.client}: {each.feature}: {each.detail}" for each in results if not each.ok]
    assert failed == []


def test_the_page_of_clients_is_what_they_found(run: Run):
    results = [result for script in SCRIPTS for result in run(script)]
    text = page(results, versions())
    if PAGE.read_text(encoding="utf-8") != text:
        PAGE.write_text(text, encoding="utf-8")
        pytest.fail(f"{PAGE.name} was not what the clients found and is written anew; commit it")
