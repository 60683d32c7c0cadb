"""Ray Serve: an HTTP proxy, a controller and replicas, each a process.

One replica a core, ``serve.batch`` in each with no waiting; bodies are raw bytes.
"""

from __future__ import annotations

from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.graphs import MODELS, Graph
from benchmarks.peers.ray.running import REPLICAS, serve_models

_BATCH = 32
_WAIT_S = 0.0


@serve.deployment(
    num_replicas=REPLICAS, max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.2}
)
class Scores:
    """Raw pixels to raw scores."""

    def __init__(self, model: str) -> None:
        self._graph = Graph(model)

    @serve.batch(max_batch_size=_BATCH, batch_wait_timeout_s=_WAIT_S)
    async def run(self, bodies: list[bytes]) -> list[bytes]:
        """One run for the whole batch."""
        return self._graph.answers(bodies)

    async def __call__(self, request: Request) -> Response:
        """One request."""
        return Response(await self.run(await request.body()), media_type="application/octet-stream")


if __name__ == "__main__":
    serve_models(Scores, MODELS, "/")
