"""The models as the peers run them: raw pixels in, raw scores out.

Imported inside each peer's own environment, so numpy and ONNX Runtime alone.  A body is
the uint8 tensor's bytes, one image or more; the answer is the float32 scores' bytes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

# Where the bench has put its store; a peer is a process of its own and gets it so.
STORE_VARIABLE = "EASEL_BENCH_STORE"
THREADS_VARIABLE = "EASEL_BENCH_THREADS"
MODELS = ("numbers", "mobilenet")


class Graph:
    """One session; every peer makes it alike."""

    def __init__(self, model: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get(THREADS_VARIABLE, "1"))
        options.inter_op_num_threads = 1
        # Several processes share the cores: a thread that spins takes them from the others.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(_newest(model) / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        (tensor,) = self._session.get_inputs()
        (scores,) = self._session.get_outputs()
        self.input, self.output = tensor.name, scores.name
        self.shape = tuple(tensor.shape[1:])
        self.classes = int(scores.shape[-1])

    def run(self, images: NDArray[Any]) -> NDArray[Any]:
        """``uint8[N, height, width, channels]`` to ``float32[N, K]``."""
        scores: NDArray[Any] = self._session.run([self.output], {self.input: images})[0]
        return scores

    def images(self, body: bytes) -> NDArray[Any]:
        """The images in one request's bytes."""
        return np.frombuffer(body, np.uint8).reshape(-1, *self.shape)

    def answer(self, body: bytes) -> bytes:
        """Scores of one request."""
        return self.run(self.images(body)).tobytes()

    def answers(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Scores of several requests in one run, each its own."""
        if len(bodies) == 1:
            return [self.answer(bodies[0])]
        parts = [self.images(body) for body in bodies]
        scores = self.run(np.concatenate(parts))
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return [part.tobytes() for part in np.split(scores, ends)]


def _newest(model: str) -> Path:
    home = Path(os.environ[STORE_VARIABLE]) / model
    return max((each for each in home.iterdir() if each.name.isdigit()), key=lambda p: int(p.name))
