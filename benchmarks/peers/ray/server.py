"""Ray Serve: an HTTP proxy, a controller and replicas, each a process.

One replica a core, ``serve.batch`` in each with no waiting; bodies are raw bytes.
"""

from __future__ import annotations

import argparse
import signal
import threading

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.graphs import MODELS, Graph

_REPLICAS = 2
_BATCH = 32
_WAIT_S = 0.0


@serve.deployment(
    num_replicas=_REPLICAS, max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.2}
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


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    flags = parser.parse_args()
    ray.init(include_dashboard=False, num_cpus=4, configure_logging=True, log_to_driver=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": flags.port},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    for model in MODELS:
        serve.run(Scores.bind(model), name=model, route_prefix=f"/{model}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
