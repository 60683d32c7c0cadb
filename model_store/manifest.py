"""A version directory's manifest: what the files are and what the model promises.

``export`` writes it last, ``serving`` and ``adapter`` read it first: a directory without
a manifest is not a version.  JSON on disk, these frozen dataclasses everywhere else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast, get_args

from model_store import contract
from model_store.contract import ImageContract
from model_store.errors import BadVersion
from model_store.spec import Method, ModelVersion, Signature, TensorSpec

MANIFEST_FILE = "manifest.json"
SCHEMA = 1

Format = Literal["onnx", "saved_model"]


@dataclass(frozen=True, slots=True)
class FileDigest:
    """One file of a version: SHA-256 in hex, and its length."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one version directory holds.

    Attributes:
        model: Which servable this is.
        format: How the files are to be loaded.
        created: When it was published, ISO 8601 in UTC.
        signatures: By name; at least one, and ``serving_default`` where a way is the usual one.
        files: Every file but the manifest, by path relative to the directory.
        input_contract: How a picture becomes the input tensor; None for other models.
        labels_file: Class names, one a line, for axis 1 of the scores.
        golden_file: Golden samples: arrays named ``input:NAME`` and ``output:NAME``; those of
            another signature than ``serving_default`` have ``SIGNATURE/`` before that.
        parity_file: The parity report.
        tag: A human name for the version.
        source: What it was made from: file name, kind, SHA-256.
        exporter: Name and version of everything that took part.
        author: Who made the model.
        licence: Under which it may be used, best as an SPDX expression.
    """

    model: ModelVersion
    format: Format
    created: str
    signatures: Mapping[str, Signature]
    files: Mapping[str, FileDigest]
    input_contract: ImageContract | None = None
    labels_file: str | None = None
    golden_file: str | None = None
    parity_file: str | None = None
    tag: str = ""
    source: Mapping[str, str] = field(default_factory=dict)
    exporter: Mapping[str, str] = field(default_factory=dict)
    author: str = ""
    licence: str = ""


def encode(manifest: Manifest) -> str:
    """The manifest's JSON text."""
    value = asdict(manifest) | {"schema": SCHEMA}
    value["model"], value["version"] = manifest.model.name, manifest.model.number
    if manifest.input_contract is not None:
        value["input_contract"] = contract.to_json(manifest.input_contract)
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def decode(text: str) -> Manifest:
    """Read a manifest's JSON text.

    Raises:
        BadVersion: It is not JSON, of another schema, or lacks something.
    """
    try:
        value = json.loads(text)
        if value["schema"] != SCHEMA:
            raise BadVersion(f"{MANIFEST_FILE} has schema {value['schema']}, this is {SCHEMA}")
        if value["format"] not in get_args(Format):
            raise BadVersion(f"{MANIFEST_FILE}: no runtime for format {value['format']!r}")
        if not value["signatures"]:
            raise BadVersion(f"{MANIFEST_FILE} has no signature")
        files = {name: _digest(item) for name, item in value["files"].items()}
        picture = value.get("input_contract")
        return Manifest(
            model=ModelVersion(_text(value["model"]), _count(value["version"])),
            format=value["format"],
            created=_text(value["created"]),
            signatures={name: decode_signature(item) for name, item in value["signatures"].items()},
            files=files,
            input_contract=None if picture is None else contract.from_json(picture),
            # A named file must be a checked one: a path could lead outside otherwise.
            **{key: _one_of(files, value.get(key)) for key in _FILE_KEYS},
            tag=_text(value.get("tag", "")),
            source=_texts(value.get("source", {})),
            exporter=_texts(value.get("exporter", {})),
            author=_text(value.get("author", "")),
            licence=_text(value.get("licence", "")),
        )
    except KeyError as error:
        raise BadVersion(f"{MANIFEST_FILE} lacks {error}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadVersion(f"{MANIFEST_FILE} cannot be read: {error}") from error


_FILE_KEYS = ("labels_file", "golden_file", "parity_file")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(text) for name, text in value.items()}


def _count(value: Any) -> int:
    """A whole number from 0; JSON's true is an int to Python, and none here."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _one_of(files: Mapping[str, FileDigest], name: Any) -> str | None:
    if name is None:
        return None
    if name not in files:
        raise ValueError(f"{name!r} is not among its files")
    return _text(name)


def _digest(value: Mapping[str, Any]) -> FileDigest:
    return FileDigest(_text(value["sha256"]), _count(value["bytes"]))


def decode_signature(value: Mapping[str, Any]) -> Signature:
    """Read one signature's JSON value, as ``dataclasses.asdict`` writes it.

    Raises:
        KeyError, ValueError, TypeError: It is none.
    """
    return Signature(
        inputs=tuple(_spec(item) for item in value["inputs"]),
        outputs=tuple(_spec(item) for item in value["outputs"]),
        method=_method(value.get("method", "predict")),
        is_row_wise=_truth(value.get("is_row_wise", True)),
    )


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _method(value: Any) -> Method:
    for method in get_args(Method):
        if value == method:
            return cast("Method", method)
    raise ValueError(f"{value!r} is no method; there are {', '.join(get_args(Method))}")


def _spec(value: Mapping[str, Any]) -> TensorSpec:
    axes = value["shape"]
    shape = None if axes is None else tuple(None if a is None else _count(a) for a in axes)
    return TensorSpec(_text(value["name"]), _text(value["dtype"]), shape)
