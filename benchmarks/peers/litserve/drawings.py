"""LitServe with drawings: decoding, the graph and labels in worker processes, one a core.

Its own batching; a drawing is decoded in the worker, as its documentation has it.
"""

from __future__ import annotations

import argparse
from typing import Any

import litserve

from benchmarks.peers.recognition import MODELS, Recogniser

_WORKERS = 2


class Drawings(litserve.LitAPI):
    """``{"base64_drawing": ...}`` to labels."""

    def __init__(self, model: str) -> None:
        super().__init__(api_path=f"/api/{model}")
        self._model = model

    def setup(self, device: str) -> None:  # noqa: ARG002 - its interface
        """In the worker: load."""
        self._recogniser = Recogniser(self._model)

    def decode_request(self, request: dict[str, str]) -> Any:
        """One request's picture."""
        return self._recogniser.to_pixels(request)

    def predict(self, x: Any) -> Any:
        """Run the graph."""
        return self._recogniser.label([x])[0]

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """As it is."""
        return output


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    flags = parser.parse_args()
    server = litserve.LitServer(
        [Drawings(model) for model in MODELS], accelerator="cpu", workers_per_device=_WORKERS
    )
    server.run(
        host="127.0.0.1", port=flags.port, num_api_servers=1,
        generate_client_file=False, log_level="warning",
    )  # fmt: skip
