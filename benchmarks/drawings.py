"""Many drawings on a canvas, as the page would send them, and the right answer to each.

They are the models' golden pictures, which people drew (MNIST; Quick, Draw!), drawn again
with clean edges, larger or smaller, turned a little and somewhere else on the canvas: no
two have the same bytes, and a server that remembers answers gains nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from benchmarks import inputs
from benchmarks.load import WrongAnswer
from model_store.preprocess import to_tensor
from model_store.store import Store
from serving.engine.onnx_runtime import OrtSession

MODELS = ("numbers", "classifier")
COUNT = 64
_SIDE_PX = 280
_SHARPER = 4
_SMALLEST, _LARGEST = 0.45, 0.8  # of the canvas
_TURN_DEGREES = 12.0
_FAINT, _PEN_PX = 60, 9
_SEED = 20261123
# Another runtime's threads, another batch: the last digits of a float32 differ.
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Drawing:
    """One request and what must come of it.

    Attributes:
        png: The picture's bytes.
        body: ``{"base64_drawing": "data:image/png;base64,..."}``.
        label: The model's word for it.
        score: That label's score.
    """

    png: bytes
    body: bytes
    label: str
    score: float

    def check(self, answer: bytes) -> None:
        """Raise WrongAnswer for another label, or another score of it."""
        found: Mapping[str, Any] = json.loads(answer)
        if found["label"] != self.label:
            raise WrongAnswer(f"a drawing of {self.label} was called {found['label']!r}")
        if abs(found["predictions"][0]["score"] - self.score) > _TOLERANCE:
            raise WrongAnswer(f"the score of {self.label} is not {self.score:.4f}")


def drawings(store: Path, model: str) -> tuple[Drawing, ...]:
    """``COUNT`` drawings for *model*, always the same."""
    contract = inputs.contract_of(store, model)
    version = Store(store).manifest(inputs.newest(store, model))
    labels = Store(store).class_labels(version)
    session = OrtSession(inputs.graph_of(store, model), intra_op_threads=1)
    names = [spec.name for spec in session.signature.outputs]
    found = []
    for png in pictures(store, model):
        scores = session.run(names, {contract.tensor: to_tensor(png, contract)})[0][0]
        text = "data:image/png;base64," + base64.b64encode(png).decode()
        best = int(np.argmax(scores))
        body = json.dumps({"base64_drawing": text}).encode()
        found.append(Drawing(png, body, labels[best], float(scores[best])))
    return tuple(found)


def pictures(store: Path, model: str) -> list[bytes]:
    """The drawings alone: RGBA, black on opaque white, 280x280, PNG."""
    golden = inputs.golden(store, COUNT, model).inputs
    rng = np.random.default_rng(_SEED)
    return [_on_canvas(_ink(each, is_inverted=model == "numbers"), rng) for each in golden]


def _ink(image: NDArray[np.uint8], *, is_inverted: bool) -> Image.Image:
    """How much ink there is in each pixel, cut to the drawing: mode L."""
    grey = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("L")
    ink = grey if is_inverted else grey.point(lambda value: 255 - value)
    return ink.crop(ink.getbbox())


def _on_canvas(ink: Image.Image, rng: np.random.Generator) -> bytes:
    side = round(_SIDE_PX * _SHARPER * rng.uniform(_SMALLEST, _LARGEST))
    scale = side / max(ink.size)
    large = ink.resize(
        (max(1, round(ink.width * scale)), max(1, round(ink.height * scale))),
        Image.Resampling.BICUBIC,
    ).rotate(rng.uniform(-_TURN_DEGREES, _TURN_DEGREES), Image.Resampling.BILINEAR, expand=True)
    sheet = Image.new("L", (_SIDE_PX * _SHARPER,) * 2, 255)
    left, top = (int(rng.integers(0, max(1, sheet.width - length))) for length in large.size)
    # A pen leaves ink or none, and no hairline: grey is at the edges only, of the smaller sheet.
    drawn = large.point(lambda value: 255 if value > _FAINT else 0)
    sheet.paste(0, (left, top), drawn.filter(ImageFilter.MaxFilter(_PEN_PX)))
    png = BytesIO()
    sheet.resize((_SIDE_PX, _SIDE_PX), Image.Resampling.LANCZOS).convert("RGBA").save(png, "PNG")
    return png.getvalue()
