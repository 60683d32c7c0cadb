"""What recipes share: their flags, and the version that they have published."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from export.recipes import classifier, numbers, running
from model_store.errors import ExportRefused


def flags(monkeypatch, *given: str, trained: Path | None = None) -> running.Flags:
    monkeypatch.setattr(sys, "argv", ["recipe", *given])
    return running.read_flags("cats", "Build cats.", trained)


def test_a_recipe_works_and_publishes_under_build_unless_told_otherwise(monkeypatch):
    assert flags(monkeypatch) == running.Flags(Path("build/cats"), Path("build/models"))
    given = flags(monkeypatch, "--work", "here", "--store", "there")
    assert given == running.Flags(Path("here"), Path("there"))


def test_only_a_recipe_that_trains_can_take_what_is_trained(monkeypatch, capsys):
    assert flags(monkeypatch, "--trained", trained=numbers.TRAINED).is_trained
    assert not flags(monkeypatch, trained=numbers.TRAINED).is_trained
    with pytest.raises(SystemExit):
        flags(monkeypatch, "--trained")
    assert "unrecognized arguments: --trained" in capsys.readouterr().err


@pytest.mark.parametrize("recipe", [classifier, numbers])
def test_what_is_trained_lies_beside_the_recipe(recipe):
    assert recipe.TRAINED.is_relative_to(Path(recipe.__file__).parent)
    assert recipe.TRAINED.is_file()


def test_a_store_without_the_model_is_refused(tmp_path):
    with pytest.raises(ExportRefused, match="has no version of cats"):
        running.newest(tmp_path, "cats")
