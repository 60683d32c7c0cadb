"""What kind of model a file or folder is, found out without loading it.

A zip's, an HDF5 file's or a protobuf message's own words are read, no class in it is made:
a model file can name code to run.  The kinds are those of ``export.kinds``.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import h5py

from export import sniff_tensorflow, sniff_torch
from export.kinds import KERAS_2, KERAS_2_SAVED_MODEL, KERAS_3, SAVED_MODEL
from model_store.errors import ExportRefused

_METADATA_BYTES = 1_000_000
_NEWEST_KERAS = 3
_MODELS_IN_ZIPS = (".h5", ".keras", ".tflite", ".onnx", "saved_model.pb", ".pt", ".pth")


def sniff(path: Path) -> str:
    """The kind of source at *path*, a key of ``export.kinds.KINDS``.

    Raises:
        ExportRefused: There is no file, or no kind that can be exported; says what to do.
    """
    if not path.exists():
        raise ExportRefused(f"there is no file {path}")
    if path.is_dir():
        return _sniff_folder(path)
    try:
        # First, because TensorFlow Lite files may carry labels in a zip at their end.
        if kind := sniff_tensorflow.kind_of_file(path):
            return kind
        if zipfile.is_zipfile(path):
            return _sniff_zip(path)
        if h5py.is_hdf5(path):
            return _sniff_hdf5(path)
        kind = sniff_torch.kind_of_file(path)
    except OSError as error:
        raise ExportRefused(f"{path} cannot be read: {error}") from error
    if kind is None:
        raise ExportRefused(
            f"{path} is no kind of model that is known here; give a .keras, .h5, .tflite, .pb, "
            ".pt2, .pt, .pth or .onnx file, or the folder of a SavedModel"
        )
    return kind


def _sniff_folder(path: Path) -> str:
    if (path / "saved_model.pb").is_file():
        is_keras = (path / "keras_metadata.pb").is_file()
        return KERAS_2_SAVED_MODEL if is_keras else SAVED_MODEL
    raise ExportRefused(
        f"{path} is a folder without a saved_model.pb; give a SavedModel's folder or a model file"
    )


def _sniff_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            if {"metadata.json", "config.json"} <= set(members):
                return _keras_kind(path, _archive_version(path, archive))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ExportRefused(f"{path}: metadata.json names no Keras version") from error
    # What zipfile raises for damage, unknown compression and passwords.
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        raise ExportRefused(f"{path} is a damaged zip file: {error}") from error
    if kind := sniff_torch.kind_of_zip(members):
        return kind
    raise ExportRefused(f"{path} is a zip file without a model of a known kind{_inside(members)}")


def _inside(members: Collection[str]) -> str:
    """A hint for what Teachable Machine and many others hand out: a zip around the model."""
    models = sorted(name for name in members if name.endswith(_MODELS_IN_ZIPS))
    return f"; unpack it and give {models[0]}" if models else ""


def _archive_version(path: Path, archive: zipfile.ZipFile) -> str:
    if archive.getinfo("metadata.json").file_size > _METADATA_BYTES:
        raise ExportRefused(f"{path}: metadata.json is too large to be Keras'")
    return str(json.loads(archive.read("metadata.json"))["keras_version"])


def _sniff_hdf5(path: Path) -> str:
    try:
        with h5py.File(path, "r") as file:
            if "model_config" not in file.attrs:
                raise ExportRefused(
                    f"{path} holds weights only; build the model, load them with "
                    "model.load_weights(), and save it whole with model.save('model.keras')"
                )
            # The first Keras 2 files say no version.
            version = file.attrs.get("keras_version", "2")
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ExportRefused(f"{path} is a damaged HDF5 file: {error}") from error
    return _keras_kind(path, version.decode() if isinstance(version, bytes) else str(version))


def _keras_kind(path: Path, version: str) -> str:
    """Which Keras loads it first; the other one is tried if that fails."""
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) > _NEWEST_KERAS:
        raise ExportRefused(
            f"{path} was saved by Keras {version}, which is newer than what is known here; "
            "save it with Keras 3"
        )
    return KERAS_3 if major == str(_NEWEST_KERAS) else KERAS_2
