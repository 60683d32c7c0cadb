"""A bucket and its mirror, for the tests of both their good and their bad days."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_store.mirror import Mirror
from model_store.store import Store
from tests.model_store.buckets import faulty
from tests.model_store.publishing import publish


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """The bucket, with one version."""
    publish(Store(tmp_path / "bucket"), content=b"first")
    return tmp_path / "bucket"


@pytest.fixture
def mirror(remote: Path, tmp_path: Path) -> Mirror:
    return faulty(remote, tmp_path / "copy")
