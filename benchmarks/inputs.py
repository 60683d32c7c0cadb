"""What every competitor is given: one drawing, some tensors, and the right answers to them.

Also imported by the competitors, so light: ONNX Runtime only where a session is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model_store.contract import ImageContract
from model_store.spec import ModelVersion
from model_store.store import Store

MODEL = "numbers"
# How peers that another program starts are told where things are.
STORE_VARIABLE = "EASEL_BENCH_STORE"
SIDE_PX = 280
_PEN_PX = 20
_SHARPER = 4
# Strokes of a 3, as a hand draws it in the page's square of 280x280.
_THREE = (
    (84, 74), (104, 52), (140, 44), (174, 56), (186, 86), (170, 114), (136, 130),
    (172, 142), (194, 170), (186, 208), (152, 232), (112, 230), (84, 208),
)  # fmt: skip
DRAWN_LABEL = "3"


@dataclass(frozen=True, slots=True)
class Tensors:
    """A batch for the model, and the scores that the exporter proved.

    Attributes:
        name: Of the input tensor.
        inputs: ``uint8[N, height, width, channels]``.
        scores: ``float32[N, K]``.
    """

    name: str
    inputs: NDArray[Any]
    scores: NDArray[Any]


def newest(store: Path, model: str = MODEL) -> ModelVersion:
    """The version of the model that is measured."""
    return ModelVersion(model, Store(store).versions(model)[-1])


def golden(store: Path, rows: int, model: str = MODEL) -> Tensors:
    """The version's golden samples, repeated or cut to *rows*."""
    found = Store(store).manifest(newest(store, model))
    contract = contract_of(store, model)
    output = found.signatures["serving_default"].outputs[0].name
    with np.load(Store(store).folder(found.model) / str(found.golden_file)) as arrays:
        inputs, scores = arrays[f"input:{contract.tensor}"], arrays[f"output:{output}"]
    pick = np.arange(rows) % len(inputs)
    return Tensors(contract.tensor, inputs[pick], scores[pick])


def contract_of(store: Path, model: str = MODEL) -> ImageContract:
    """What picture the model wants."""
    contract = Store(store).manifest(newest(store, model)).input_contract
    assert contract is not None
    return contract


def graph_of(store: Path, model: str = MODEL) -> Path:
    """The model's ONNX file."""
    return Store(store).folder(newest(store, model)) / "model.onnx"


def drawing() -> bytes:
    """A 3 as the drawing page sends it: RGBA, black on opaque white, 280x280, PNG."""
    sheet = Image.new("RGBA", (SIDE_PX * _SHARPER,) * 2, (255, 255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    points = [(x * _SHARPER, y * _SHARPER) for x, y in _THREE]
    radius = _PEN_PX * _SHARPER / 2
    pen.line(points, fill=(0, 0, 0, 255), width=_PEN_PX * _SHARPER, joint="curve")
    for x, y in (points[0], points[-1]):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(0, 0, 0, 255))
    png = BytesIO()
    # Soft edges, as a browser draws them; they also make the file as long as a real one.
    sheet.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS).save(png, "PNG")
    return png.getvalue()
