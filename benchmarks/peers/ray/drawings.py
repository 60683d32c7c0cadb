"""Ray Serve with drawings: one replica a core, each with decoding, graph and labels inside."""

from __future__ import annotations

from typing import Any

from ray import serve
from starlette.requests import Request

from benchmarks.peers.ray.running import REPLICAS, serve_models
from benchmarks.peers.recognition import MODELS, Recogniser


@serve.deployment(
    num_replicas=REPLICAS, max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.2}
)
class Drawings:
    """``{"base64_drawing": ...}`` to labels."""

    def __init__(self, model: str) -> None:
        self._recogniser = Recogniser(model)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """One request."""
        return self._recogniser.answer(await request.json())


if __name__ == "__main__":
    serve_models(Drawings, MODELS, "/api/")
