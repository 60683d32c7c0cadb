"""What the exporter and the process that holds a source say to each other.

One JSON object a line in both directions, and arrays in ``.npz`` files in a folder that
both know.  The child has loaded a file that may mean harm, so its words are read as
strictly as a stranger's: no pickles, no paths.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.sources.source import Description, Options, Prelude
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.manifest import decode_signature

INPUTS_FILE, OUTPUTS_FILE, LAYERS_PREFIX = "inputs.npz", "outputs.npz", "layer-"
# A bound for what one line of a misled child may make us read.
MAX_LINE_BYTES = 16_000_000
_NOT_AN_NPZ = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Setup:
    """The first line a child reads.

    Attributes:
        module: What loads the source.
        path: The file or folder.
        work: The one folder the child may write to.
        options: What the author said beside it.
        readable: What may be read beside the source and the libraries.
    """

    module: str
    path: Path
    work: Path
    options: Options
    readable: tuple[Path, ...] = ()


def encode_setup(setup: Setup) -> str:
    """One line."""
    return json.dumps(asdict(setup), default=str)


def decode_setup(line: str) -> Setup:
    """Read what ``encode_setup`` wrote."""
    value = json.loads(line)
    options = value["options"]
    shapes = {name: tuple(shape) for name, shape in options["shapes"].items()}
    listed = {key: tuple(options[key]) for key in ("inputs", "outputs", "output_names")}
    return Setup(
        module=value["module"],
        path=Path(value["path"]),
        work=Path(value["work"]),
        options=Options(**options | listed | {"shapes": shapes}),
        readable=tuple(map(Path, value["readable"])),
    )


def encode_preludes(preludes: Mapping[str, Prelude]) -> dict[str, Any]:
    """By signature, for JSON."""
    return {signature: asdict(prelude) for signature, prelude in preludes.items()}


def decode_preludes(value: Mapping[str, Any]) -> dict[str, Prelude]:
    """Read what ``encode_preludes`` wrote."""
    lists = ("size", "scale", "offset")
    return {
        signature: Prelude(**fields | {key: tuple(fields[key]) for key in lists})
        for signature, fields in value.items()
    }


def encode_description(description: Description) -> dict[str, Any]:
    """For JSON."""
    return asdict(description)


def decode_description(value: Any) -> Description:
    """Read a child's description.

    Raises:
        ExportRefused: It is none.
    """
    try:
        return Description(
            signatures={str(n): decode_signature(s) for n, s in value["signatures"].items()},
            parameters=int(value["parameters"]),
            versions={str(name): str(text) for name, text in value["versions"].items()},
            route=str(value["route"]),
            class_labels=tuple(map(str, value["class_labels"])),
            notes=decode_notes(value["notes"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ExportRefused(f"the source's description makes no sense: {error!r}") from error


def decode_notes(value: Any) -> tuple[str, ...]:
    """Sentences for people."""
    return tuple(map(str, value))


def write_tensors(path: Path, tensors: Tensors) -> None:
    """Arrays by name; strings as numpy's ``S``.

    Raises:
        ExportRefused: One is an array of Python objects.
    """
    for name, tensor in tensors.items():
        if tensor.dtype.hasobject:
            raise ExportRefused(f"tensor {name} is {tensor.dtype}; give numbers or byte strings")
    # Names of tensors may have slashes and colons, which would be paths in the archive.
    named = {f"t{index}": tensor for index, tensor in enumerate(tensors.values())}
    np.savez(path, allow_pickle=False, names=np.array(list(tensors), dtype=np.str_), **named)


def read_tensors(path: Path) -> Tensors:
    """Read what ``write_tensors`` wrote.

    Raises:
        ExportRefused: It is something else.
    """
    try:
        _refuse_packed(path)
        with np.load(path, allow_pickle=False) as archive:
            names = [str(name) for name in archive["names"]]
            return {name: archive[f"t{index}"] for index, name in enumerate(names)}
    except _NOT_AN_NPZ as error:
        raise ExportRefused(f"the source's process left no arrays: {error}") from error


def _refuse_packed(path: Path) -> None:
    """``write_tensors`` packs nothing: what would grow when it is unpacked is not ours to read."""
    with zipfile.ZipFile(path) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError("its arrays are packed")
