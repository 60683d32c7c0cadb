"""LitServe: FastAPI in front, worker processes behind queues.

It reads JSON; an image travels in base64, as in its own vision examples.  One worker
process a core and its own batching; the timeout is the shortest that still batches.
"""

from __future__ import annotations

import argparse
import base64

import litserve
import numpy as np

from benchmarks.peers.graphs import MODELS, Graph

_WORKERS = 2
_BATCH = 32
_WAIT_S = 0.001


class Scores(litserve.LitAPI):
    """``{"image": base64}`` to ``{"scores": [[...]]}``."""

    def __init__(self, model: str) -> None:
        super().__init__(max_batch_size=_BATCH, batch_timeout=_WAIT_S, api_path=f"/{model}")
        self._model = model

    def setup(self, device: str) -> None:  # noqa: ARG002 - its interface
        """In the worker: load."""
        self._graph = Graph(self._model)

    def decode_request(self, request: dict[str, str]) -> bytes:
        """One request's pixels."""
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """Bodies of several lengths cannot be stacked; they are joined when they run."""
        return inputs

    def predict(self, x: list[bytes]) -> list[bytes]:
        """One run for the whole batch."""
        return self._graph.answers(x)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        """Each its own."""
        return output

    def encode_response(self, output: bytes) -> dict[str, list[list[float]]]:
        """Scores as JSON."""
        scores = np.frombuffer(output, np.float32)
        return {"scores": scores.reshape(-1, self._graph.classes).tolist()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    flags = parser.parse_args()
    server = litserve.LitServer(
        [Scores(model) for model in MODELS], accelerator="cpu", workers_per_device=_WORKERS
    )
    server.run(
        host="127.0.0.1", port=flags.port, num_api_servers=1,
        generate_client_file=False, log_level="warning",
    )  # fmt: skip
