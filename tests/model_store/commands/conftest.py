"""The commands, run as the console runs them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from easel.cli import main
from model_store.store import Store
from tests.model_store.publishing import publish_proven


@dataclass
class Told:
    """What a command said."""

    status: int
    out: str
    error: str

    @property
    def value(self) -> Any:
        return json.loads(self.out)


Easel = Callable[..., Told]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three versions of ``numbers`` that may be promoted."""
    store = Store(tmp_path / "models")
    for _ in range(3):
        publish_proven(store)
    return store


@pytest.fixture
def easel(store, monkeypatch, capsys) -> Easel:
    """``easel COMMAND ARGUMENTS --store ...`` in this process."""

    def run(*arguments: str, place: str = "") -> Told:
        monkeypatch.setattr(sys, "argv", ["easel", *arguments, "--store", place or str(store.root)])
        try:
            status = main()
        except SystemExit as error:
            status = error.code
        said = capsys.readouterr()
        return Told(status, said.out, said.err)

    return run
