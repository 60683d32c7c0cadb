"""The flags of ``easel export``, in groups as a model author meets them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from export import presets
from export.graph import trials
from export.references import NAMED
from export.request import Target
from export.wiring import Layout
from model_store.contract import Fit, Mode, Resize

_SOURCE = (
    "a .keras, .h5, .tflite, .pb, .pt2, .pt, .pth or .onnx file, or a SavedModel folder; what it "
    "is is found out by looking into it"
)


def make_parser() -> argparse.ArgumentParser:
    """The command's parser."""
    parser = argparse.ArgumentParser(
        prog="easel export", description="Convert a model, prove it equal, publish a version."
    )
    add = parser.add_argument
    add("source", type=Path, help=_SOURCE)
    add("--name", required=True, help="the model's name in the store")
    add("--store", default="model_store/models", help="folder of the store, or its URL")
    add("--to", choices=get_args(Target), default="onnx", help="target format")
    add("--labels", type=Path, help="class names, one a line, in the order of the scores")
    add("--samples", type=Path, help="folder of pictures, or .npz with the input tensors by name")
    add("--tag", default="", help="a human name for this version")
    add("--license", default="", help="the model's licence, for the manifest")
    add("--author", default="", help="who made the model, for the manifest")
    add("--sign-key", type=Path, help="PEM file of a private key, to sign the version with")
    add("--report", default="", help="folder for the report if the export is refused")
    add("--json", action="store_true", help="print the result as JSON")
    _add_contract(parser)
    trials.add_flags(parser)
    _add_source(parser)
    _add_process(parser)
    return parser


def _add_contract(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "input contract",
        "how a picture becomes the input tensor; without any of these the model takes its own "
        "tensors, and the adapter can send it no pictures",
    )
    add = group.add_argument
    add("--input-contract", type=Path, help="JSON file; replaces the flags below")
    presets.add_flags(group)
    add("--size", help="side in pixels, or HEIGHTxWIDTH")
    add("--mode", choices=get_args(Mode), help="grey (L) or colour (default: RGB)")
    add("--background", type=int, help="grey value of the paper, 0 to 255 (default: 255)")
    add("--resize", choices=get_args(Resize), help="resampling filter (default: bilinear)")
    add("--fit", choices=get_args(Fit), help="for other aspect ratios (default: stretch)")
    add("--invert", action="store_true", help="the model wants light ink on black")
    add("--ink-box", type=int, help="cut to the ink and centre it in a box of this many pixels")
    add("--scale", help="factor for a pixel such as 1/255, or one for each channel: a,b,c")
    add("--offset", help="added after the factor, such as -1, or one for each channel")
    add(
        "--layout",
        choices=get_args(Layout),
        help="the source's axes, where its shape does not tell",
    )
    add(
        "--reference", default="",
        help="the author's own preprocessing, to compare pixels with: one of "
        f"{', '.join(NAMED)}; a folder or .npz of arrays; or package.module:function",
    )  # fmt: skip


def _add_source(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("about the source, where the file does not say it")
    add = group.add_argument
    add("--signature", default="", help="which one, of several")
    add("--inputs", default="", help="tensors that a frozen graph takes: a:0,b:0")
    add("--outputs", default="", help="tensors that it gives")
    add("--output-names", default="", help="what the outputs shall be called, in their order")
    add(
        "--shape", action="append", default=[], metavar="NAME=N,3,224,224",
        help="of one input; a letter is a free axis (TorchScript, state dicts)",
    )  # fmt: skip
    add(
        "--dtype", action="append", default=[], metavar="NAME=int64",
        help="of one input (default: float32)",
    )  # fmt: skip
    add("--module", default="", help="package.module:factory that makes a state dict's network")
    add("--trust", action="store_true", help="let the file run code of its own")


def _add_process(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the process that loads the source")
    add = group.add_argument
    add(
        "--python", action="append", default=[], metavar="FRAMEWORK=PATH",
        help="interpreter of the environment that has keras, tensorflow, torch or onnx",
    )  # fmt: skip
    add("--time-limit", type=float, default=900.0, help="seconds for each of its steps")
