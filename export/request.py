"""Reading what the author asked for: contract, scaling, labels, and what the file does not say."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from export.graph import trials
from export.graph.trials import Margins, Wants
from export.kinds import KINDS
from export.presets import PRESETS, Preset, contract_of
from export.scaling import Scaling, parse_numbers
from export.sources.source import Options
from export.wiring import Layout
from model_store import contract as contracts
from model_store.contract import ImageContract, InkCentring
from model_store.errors import BadVersion, ExportRefused, InvalidRequest

# What the single flags change where no preset is named.
PLAIN = Preset("pictures as they are", (1.0,), (0.0,))

Target = Literal["onnx", "saved_model", "both", "mar"]

# Any of these says that the model takes pictures.
_CONTRACT_FLAGS = (
    "input_contract", "preset", "size", "mode", "background", "resize", "fit", "short_side",
    "invert", "ink_box", "scale", "offset",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What the author asked for.

    Attributes:
        source: The model file or folder.
        name: The model's name in the store.
        target: What it becomes.
        contract: How a picture becomes the input tensor; None if the model takes none.
        scaling: What is put into the graph.
        is_size_given: Whether the author gave the contract's size; the source's own counts else.
        layout: The source's order of axes; None to tell it from its shape.
        reference: The author's own preprocessing, to hold ours against; empty for none.
        labels: Class names in the order of the scores; may be empty.
        samples: Folder of pictures, or ``.npz``; None if there are none.
        wants: What shall be tried to make it faster or smaller.
        margins: What that must win by.
        report: Folder for the report of a refused export; empty for a temporary one.
        signature: Which one of several; empty for the usual one.
        options: What the file does not say itself.
        pythons: Interpreters, by framework.
        time_limit_s: For each step of the process that loads the source.
        tag: A human name for the version.
        licence: The model's licence.
        author: Who made it.
        notes: What a person should know of, one sentence each.
    """

    source: Path
    name: str
    target: Target = "onnx"
    contract: ImageContract | None = None
    scaling: Scaling = field(default_factory=Scaling)
    is_size_given: bool = True
    layout: Layout | None = None
    reference: str = ""
    labels: tuple[str, ...] = ()
    samples: Path | None = None
    wants: Wants = field(default_factory=Wants)
    margins: Margins = field(default_factory=Margins)
    report: str = ""
    signature: str = ""
    options: Options = field(default_factory=Options)
    pythons: Mapping[str, str] = field(default_factory=dict)
    time_limit_s: float = 900.0
    tag: str = ""
    licence: str = ""
    author: str = ""
    notes: tuple[str, ...] = ()


def read_request(flags: argparse.Namespace) -> ExportRequest:
    """Everything but the model itself and the samples, read and checked.

    Raises:
        ExportRefused: Something is missing or cannot be read; says which flag mends it.
        InvalidRequest: A flag's value makes no sense.
    """
    said = (getattr(flags, name) for name in _CONTRACT_FLAGS)
    is_picture = any(value is not None and value is not False for value in said)
    preset = PRESETS.get(flags.preset or "")
    wants, margins = trials.from_flags(flags)
    return ExportRequest(
        source=flags.source,
        name=flags.name,
        target=flags.to,
        contract=read_contract(flags) if is_picture else None,
        scaling=read_scaling(flags, preset),
        is_size_given=flags.size is not None or flags.input_contract is not None,
        layout=flags.layout,
        reference=flags.reference or (preset.reference if preset else ""),
        labels=read_labels(flags.labels),
        samples=flags.samples,
        wants=wants,
        margins=margins,
        report=flags.report,
        signature=flags.signature,
        options=read_options(flags),
        pythons=dict(_python(text) for text in flags.python),
        time_limit_s=flags.time_limit,
        tag=flags.tag,
        licence=flags.license,
        author=flags.author,
    )


def read_contract(flags: argparse.Namespace) -> ImageContract:
    """The contract from its file, or from the single flags."""
    if flags.input_contract is not None:
        try:
            return contracts.from_json(json.loads(flags.input_contract.read_text("utf-8")))
        except (OSError, ValueError, RecursionError, BadVersion) as error:
            raise ExportRefused(f"--input-contract {flags.input_contract}: {error}") from error
    mode = flags.mode
    background = None
    if flags.background is not None:
        shown = mode or (PRESETS[flags.preset].mode if flags.preset else "RGB")
        background = (flags.background,) * contracts.CHANNELS[shown]
    return contract_of(
        PRESETS.get(flags.preset or "", PLAIN),
        size=None if flags.size is None else _size(flags.size),
        mode=mode,
        background=background,
        resize=flags.resize,
        fit="contain" if flags.ink_box is not None else flags.fit,
        short_side_px=flags.short_side,
        invert=flags.invert or None,
        ink=None if flags.ink_box is None else InkCentring(flags.ink_box),
    )


def read_scaling(flags: argparse.Namespace, preset: Preset | None) -> Scaling:
    """The flags' numbers, or the preset's where there are none."""
    scale, offset = (preset.scale, preset.offset) if preset else ((1.0,), (0.0,))
    return Scaling(
        scale if flags.scale is None else parse_numbers(flags.scale),
        offset if flags.offset is None else parse_numbers(flags.offset),
    )


def _size(text: str) -> tuple[int, int]:
    """``224`` or ``HEIGHTxWIDTH``."""
    height, times, width = text.partition("x")
    if not times:
        width = height
    if not height.isdecimal() or not width.isdecimal():
        raise ExportRefused(f"--size {text}: write 224 or HEIGHTxWIDTH")
    return int(height), int(width)


def read_labels(path: Path | None) -> tuple[str, ...]:
    """Class names, one a line; a number before the name, as in ``0 cat``, is dropped.

    Raises:
        ExportRefused: The file cannot be read, is empty or has an empty line.
    """
    if path is None:
        return ()
    try:
        # Editors on Windows begin UTF-8 files with a byte order mark.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ExportRefused(f"--labels {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ExportRefused(f"--labels {path}: give UTF-8 text, one class name a line") from error
    numbered = [line.partition(" ") for line in lines]
    if all(number == str(index) and name for index, (number, _, name) in enumerate(numbered)):
        lines = [name for _, _, name in numbered]
    labels = tuple(line.strip() for line in lines)
    if not labels:
        raise ExportRefused(f"--labels {path}: it is empty")
    if not all(labels):
        raise ExportRefused(f"--labels {path}: line {labels.index('') + 1} is empty")
    return labels


def read_options(flags: argparse.Namespace) -> Options:
    """What the file does not say itself.

    Raises:
        InvalidRequest: A flag's value makes no sense.
    """
    return Options(
        inputs=_listed(flags.inputs),
        outputs=_listed(flags.outputs),
        shapes=dict(_shape(text) for text in flags.shape),
        dtypes=dict(_pair("--dtype", text) for text in flags.dtype),
        output_names=_listed(flags.output_names),
        module=flags.module,
        is_trusted=flags.trust,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _pair(flag: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise InvalidRequest(f"{flag} {text}: write NAME=VALUE")
    return name, value


def _python(text: str) -> tuple[str, str]:
    framework, path = _pair("--python", text)
    known = sorted({kind.framework for kind in KINDS.values()})
    if framework not in known:
        raise InvalidRequest(f"--python {text}: the frameworks are {', '.join(known)}")
    return framework, path


def _shape(text: str) -> tuple[str, tuple[int | None, ...]]:
    """``image=N,3,224,224``; a word instead of a number is a free axis."""
    name, axes = _pair("--shape", text)
    return name, tuple(_axis(text, part.strip()) for part in axes.split(","))


def _axis(text: str, part: str) -> int | None:
    if part.isdecimal() and part.isascii():
        return int(part)
    if part == "?" or part.isidentifier():
        return None
    raise InvalidRequest(f"--shape {text}: an axis is a number, or a word if it is free")
