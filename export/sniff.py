"""What kind of model a file is, found out without loading it.

A zip's or an HDF5 file's own words are read, no class in it is made: a model file can
name code to run.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path

import h5py

from model_store.errors import ExportRefused

KERAS_3 = "keras-3"
_METADATA_BYTES = 1_000_000


def sniff(path: Path) -> str:
    """The kind of source at *path*.

    Raises:
        ExportRefused: There is no file, or no kind that can be exported; says what to do.
    """
    if not path.exists():
        raise ExportRefused(f"there is no file {path}")
    if path.is_dir():
        raise ExportRefused(f"{path} is a folder; give a .keras or .h5 file")
    if zipfile.is_zipfile(path):
        return _sniff_keras_zip(path)
    if h5py.is_hdf5(path):
        return _sniff_hdf5(path)
    raise ExportRefused(f"{path} is neither a .keras archive nor an HDF5 file")


def _sniff_keras_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            if not {"metadata.json", "config.json"} <= set(archive.namelist()):
                raise ExportRefused(f"{path} is a zip file without a Keras model in it")
            if archive.getinfo("metadata.json").file_size > _METADATA_BYTES:
                raise ExportRefused(f"{path}: metadata.json is too large to be Keras'")
            version = json.loads(archive.read("metadata.json"))["keras_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ExportRefused(f"{path}: metadata.json names no Keras version") from error
    # What zipfile raises for damage, unknown compression and passwords.
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        raise ExportRefused(f"{path} is a damaged zip file: {error}") from error
    return _keras_kind(path, str(version))


def _sniff_hdf5(path: Path) -> str:
    try:
        with h5py.File(path, "r") as file:
            if "model_config" not in file.attrs:
                raise ExportRefused(
                    f"{path} holds weights only; save the whole model with "
                    "model.save('model.keras')"
                )
            version = file.attrs.get("keras_version", "unknown")
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ExportRefused(f"{path} is a damaged HDF5 file: {error}") from error
    return _keras_kind(path, version.decode() if isinstance(version, bytes) else str(version))


def _keras_kind(path: Path, version: str) -> str:
    if version.split(".")[0] != "3":
        raise ExportRefused(
            f"{path} was saved by Keras {version}; load it there and save it with Keras 3"
        )
    return KERAS_3
