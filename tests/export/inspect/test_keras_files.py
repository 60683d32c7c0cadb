from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import h5py
import pytest

from export.inspect.inspection import inspect
from export.inspect.keras_files import inspect_hdf5
from export.kinds import KERAS_2, KERAS_3
from tests.export.malicious import keras_archive, sequential_config

EVIL = json.dumps({"class_name": "Lambda", "config": {"name": "evil"}})


def hdf5(path: Path | io.BytesIO, change=lambda file: None, **attributes: str):
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        change(file)
    return path


def refused(path: Path | io.BytesIO) -> list[str]:
    return [f"{each.what} {each}" for each in inspect_hdf5(path)]


def test_weights_are_not_suspected(tmp_path: Path):
    def change(file):
        file["layers/dense/vars/0"] = [1.0, 2.0]
        file["same"] = h5py.SoftLink("/layers")
        file.create_dataset("empty", shape=(0, 3))
        file.create_dataset("names", data=["a", "bc"])

    assert refused(hdf5(tmp_path / "w.h5", change)) == []


def test_groups_in_a_circle_have_an_end(tmp_path: Path):
    def change(file):
        file["a"] = file.create_group("b")
        file["a/again"] = file["/b"]

    (found,) = refused(hdf5(tmp_path / "w.h5", change))
    assert "no end of groups" in found


def test_a_dataset_that_is_mostly_promise_is_too_large(tmp_path: Path):
    def change(file):
        file.create_dataset("w", (1 << 30,), "f4", chunks=(1 << 20,), compression="gzip")

    (found,) = refused(hdf5(tmp_path / "w.h5", change))
    assert found.startswith("too large /w")


def test_a_dataset_without_a_shape_is_damage(tmp_path: Path):
    def change(file):
        file["w"] = h5py.Empty("f4")

    (found,) = refused(hdf5(tmp_path / "w.h5", change))
    assert found.startswith("damaged /w")


def test_a_config_in_another_form_is_read(tmp_path: Path):
    import numpy as np

    def change(file):
        file.attrs["model_config"] = np.bytes_(EVIL.encode())

    (found,) = refused(hdf5(tmp_path / "w.h5", change))
    assert "(Lambda)" in found


def test_weights_inside_an_archive_are_looked_into(tmp_path: Path):
    def change(file):
        file["w"] = h5py.ExternalLink("/etc/passwd", "/")

    weights = io.BytesIO()
    hdf5(weights, change)
    path = tmp_path / "m.keras"
    keras_archive(path, sequential_config(), **{"extra.weights.h5": weights.getvalue()})
    (found,) = inspect(path, KERAS_3)
    assert found.where == "/w in extra.weights.h5"


def test_a_file_that_is_both_a_zip_and_hdf5_is_read_as_both(tmp_path: Path):
    path = hdf5(tmp_path / "both.h5", model_config=EVIL)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", "{}")
    assert zipfile.is_zipfile(path)
    assert any("(Lambda)" in str(found) for found in inspect(path, KERAS_2))


@pytest.mark.parametrize("config", ["", "[", "nul", "\\ud800", "{}{}"])
def test_a_config_that_is_no_json_is_damage(tmp_path: Path, config):
    keras_archive(tmp_path / "m.keras", config)
    assert [found.what for found in inspect(tmp_path / "m.keras", KERAS_3)] == ["damaged"]
