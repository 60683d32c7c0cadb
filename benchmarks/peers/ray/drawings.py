"""Ray Serve with drawings: one replica a core, each with decoding, graph and labels inside."""

from __future__ import annotations

import argparse
import signal
import threading
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from benchmarks.peers.recognition import MODELS, Recogniser

_REPLICAS = 2


@serve.deployment(
    num_replicas=_REPLICAS, max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.2}
)
class Drawings:
    """``{"base64_drawing": ...}`` to labels."""

    def __init__(self, model: str) -> None:
        self._recogniser = Recogniser(model)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """One request."""
        return self._recogniser.answer(await request.json())


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
        serve.run(Drawings.bind(model), name=model, route_prefix=f"/api/{model}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
