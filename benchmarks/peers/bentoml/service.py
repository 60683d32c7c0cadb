"""BentoML: one worker process a core, its adaptive batching on; images travel in base64.

An array as a nested list of numbers is its default and three times as long.
"""

from __future__ import annotations

import base64

import bentoml
import numpy as np

from benchmarks.peers.graphs import Graph

_WORKERS = 2
_BATCH = 64


@bentoml.service(
    workers=_WORKERS, logging={"access": {"enabled": False}}, metrics={"enabled": False}
)
class Scores:
    """Base64 images to scores, one API for each model."""

    def __init__(self) -> None:
        self._numbers = Graph("numbers")
        self._mobilenet = Graph("mobilenet")

    @bentoml.api(batchable=True, max_batch_size=_BATCH, max_latency_ms=1000)
    def numbers(self, images: list[str]) -> list[list[float]]:
        """Scores of each image."""
        return _scores(self._numbers, images)

    @bentoml.api(batchable=True, max_batch_size=_BATCH, max_latency_ms=1000)
    def mobilenet(self, images: list[str]) -> list[list[float]]:
        """Scores of each image."""
        return _scores(self._mobilenet, images)


def _scores(graph: Graph, images: list[str]) -> list[list[float]]:
    pixels = b"".join(map(base64.b64decode, images))
    return np.asarray(graph.run(graph.images(pixels))).tolist()
