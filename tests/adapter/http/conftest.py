"""A store for all tests of the HTTP side."""

from __future__ import annotations

import pytest

from tests.adapter.stores import publish
from tests.model_store.pictures import DIGIT


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("http") / "models"
    publish(root, DIGIT, tuple("0123456789"))
    return root
