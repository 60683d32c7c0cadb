"""Keras' files: HDF5 with a config in an attribute, and ``.keras`` archives with one beside HDF5.

HDF5 can point out of its file: links to other files, raw data kept elsewhere, virtual
datasets.  No model needs them, and all of them are refused.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import h5py

from export.inspect import keras_config
from export.inspect.files import copy_member, inspect_archive, read_member
from export.inspect.finding import Finding, damaged, reads_outside, too_large

_MAX_JSON_BYTES = 64_000_000
_MAX_HDF5_PARTS, _MAX_DEPTH = 1_000_000, 128
_FREE_BYTES, _MAX_RATIO = 256_000_000, 200
_CONFIGS = ("model_config", "config")
_REMEDY = "save the model again with model.save()"


def inspect_keras(path: Path) -> Iterator[Finding]:
    """A ``.keras`` archive or an HDF5 file that Keras wrote."""
    # A file can be both, and then readers differ in what they take it for.
    is_zip = zipfile.is_zipfile(path)
    if is_zip:
        yield from inspect_keras_zip(path)
    if not is_zip or h5py.is_hdf5(path):
        yield from inspect_hdf5(path)


def inspect_keras_zip(path: Path) -> Iterator[Finding]:
    """A ``.keras`` archive: its directory, its config and its weights."""
    with zipfile.ZipFile(path) as archive:
        yield from inspect_archive(archive, path.stat().st_size)
        config = json.loads(read_member(archive, "config.json", _MAX_JSON_BYTES))
        yield from keras_config.inspect_config(config)
        for name in archive.namelist():
            if name.endswith(".h5"):
                with tempfile.TemporaryFile() as file:
                    copy_member(archive, name, file)
                    yield from inspect_hdf5(file, f" in {name}")


def inspect_hdf5(file: Path | IO[bytes], inside: str = "") -> Iterator[Finding]:
    """An HDF5 file: the config in its attributes, if any, and where its data is."""
    with h5py.File(file, "r") as opened:
        for attribute in _CONFIGS:
            if attribute in opened.attrs:
                yield from keras_config.inspect_config(_read_json(opened.attrs[attribute]))
        yield from _inspect_group(opened, inside)


def _read_json(text: Any) -> Any:
    if not isinstance(text, str | bytes):
        text = bytes(text)
    if len(text) > _MAX_JSON_BYTES:
        raise ValueError("the config is too long")
    return json.loads(text)


def _inspect_group(root: h5py.Group, inside: str) -> Iterator[Finding]:
    waiting: list[tuple[h5py.Group, int]] = [(root, 0)]
    seen = 0
    while waiting:
        group, depth = waiting.pop()
        for name in group:
            seen += 1
            where = f"{group.name.rstrip('/')}/{name}{inside}"
            if seen > _MAX_HDF5_PARTS or depth > _MAX_DEPTH:
                yield too_large(where, "the file has no end of groups")
                return
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield reads_outside(where, f"is a link into {link.filename!r}", _REMEDY)
            # A soft link leads to what is met by its own name as well.
            elif not isinstance(link, h5py.SoftLink):
                child = group[name]
                if isinstance(child, h5py.Group):
                    waiting.append((child, depth + 1))
                elif isinstance(child, h5py.Dataset):
                    yield from _inspect_dataset(child, where)


def _inspect_dataset(dataset: h5py.Dataset, where: str) -> Iterator[Finding]:
    if dataset.external:
        yield reads_outside(where, f"has its data in {dataset.external[0][0]!r}", _REMEDY)
    elif dataset.is_virtual:
        yield reads_outside(where, "is put together from other files", _REMEDY)
    elif dataset.shape is None:
        yield damaged(where, "has no shape")
    else:
        stored, full = dataset.id.get_storage_size(), dataset.size * dataset.dtype.itemsize
        if full > _FREE_BYTES + _MAX_RATIO * stored:
            yield too_large(where, f"unpacks from {stored:,} to {full:,} bytes")
