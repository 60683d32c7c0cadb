"""The planted files, through the whole command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from export.cli import main
from export.sniff import sniff
from model_store.errors import ExportRefused

ROOT = Path(__file__).parents[2]


def sniffed(path: Path) -> str:
    try:
        return sniff(path)
    except ExportRefused:
        return ""


def test_no_plant_runs_or_is_published(plants, planted, canary, tmp_path: Path):
    for plant in plants.values():
        path = planted / plant.name
        with pytest.raises(ExportRefused) as refused:
            main([str(path), "--name", "evil", "--store", str(tmp_path / "models")])
        if sniffed(path) == plant.kind:
            assert plant.where in str(refused.value), plant
        assert not canary.exists(), plant
        assert not (tmp_path / "models" / "evil" / "1").exists()


def test_the_command_names_the_layer_and_the_way_out(plants, planted, canary, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "easel.cli", "export", planted / "lambda.keras", "--name", "evil"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert "layer 'evil' (Lambda)" in done.stderr
    assert "--trust" in done.stderr
    assert not canary.exists()


def test_a_trusted_file_runs_its_code_and_still_cannot_reach_out(
    plants, planted, canary, tmp_path: Path
):
    """The code is the same that writes the canary where nothing stops it."""
    store = str(tmp_path / "models")
    with pytest.raises(ExportRefused, match="Permission"):
        main([str(planted / "lambda.keras"), "--name", "evil", "--store", store, "--trust"])
    assert not canary.exists()


def test_a_trusted_file_with_honest_code_is_exported(keras, save, tmp_path: Path):
    layers = keras.layers
    twice = layers.Lambda(lambda x: x * 2, output_shape=(2,), name="twice")
    source = save(keras.Sequential([layers.Input((2,)), twice, layers.Dense(2)]), "twice.keras")
    arguments = [str(source), "--name", "twice", "--store", str(tmp_path / "models")]
    with pytest.raises(ExportRefused, match="layer 'twice'"):
        main(arguments)
    assert main([*arguments, "--trust"]) == 0
    assert (tmp_path / "models" / "twice" / "1" / "model.onnx").is_file()
