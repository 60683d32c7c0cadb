"""The conformance tests' models, and a real Triton that serves them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.models import write_store, write_triton_repository
from tests.conformance.triton_server import CannotRun, Triton, triton_server


@pytest.fixture(scope="session")
def conformance_store(tmp_path_factory) -> Path:
    """Several models and versions."""
    return write_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def triton(conformance_store: Path, tmp_path_factory) -> Iterator[Triton]:
    """A real Triton with the same graphs."""
    repository = write_triton_repository(tmp_path_factory.mktemp("repository"), conformance_store)
    try:
        with triton_server(repository, tmp_path_factory.mktemp("triton")) as running:
            yield running
    except CannotRun as reason:
        pytest.skip(str(reason))
