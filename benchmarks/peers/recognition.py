"""The adapter's work as a peer does it: a request's JSON in, labels out, ONNX Runtime inside.

Imported inside each peer's own environment: numpy, ONNX Runtime, Pillow to decode, which is
what everybody takes for that, and the one reading of the input contract, which is ours as well.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.peers.graphs import STORE_VARIABLE, Graph
from model_store.contract import ImageContract
from model_store.images.pixels import tensor_of
from model_store.spec import ModelVersion
from model_store.store import Store

MODELS = ("numbers", "classifier")
KEY = "base64_drawing"


def read_by_pillow(data: bytes, contract: ImageContract) -> NDArray[np.uint8]:
    """A file to ``uint8[1, height, width, channels]``."""
    return tensor_of(Image.open(BytesIO(data)), contract)


class Recogniser:
    """One model with its contract and labels."""

    def __init__(self, model: str) -> None:
        store = Store(Path(os.environ[STORE_VARIABLE]))
        manifest = store.manifest(ModelVersion(model, store.versions(model)[-1]))
        assert manifest.input_contract is not None
        self._contract = manifest.input_contract
        self._labels = store.class_labels(manifest)
        self._graph = Graph(model)

    def to_pixels(self, request: Mapping[str, Any]) -> NDArray[Any]:
        """``{"base64_drawing": data URL}`` to ``uint8[1, height, width, channels]``."""
        return read_by_pillow(base64.b64decode(request[KEY].partition(",")[2]), self._contract)

    def label(self, batch: Sequence[NDArray[Any]]) -> list[dict[str, Any]]:
        """One run for all of them, and each one's labels, best first."""
        images = batch[0] if len(batch) == 1 else np.concatenate(batch)
        return [self._ranked(scores) for scores in self._graph.run(images)]

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The whole way for one request."""
        return self.label([self.to_pixels(request)])[0]

    def _ranked(self, scores: NDArray[Any]) -> dict[str, Any]:
        order = np.argsort(-scores)
        predictions = [
            {"label": self._labels[index], "score": float(scores[index])} for index in order
        ]
        return {**predictions[0], "predictions": predictions}
