"""What both of Ray Serve's servers do: one deployment for each model, until told to stop."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterable
from typing import Any

import ray
from ray import serve

REPLICAS = 2


def serve_models(deployment: Any, models: Iterable[str], prefix: str) -> None:
    """Bind *deployment* to each model, at the route that *prefix* and its name make."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    flags = parser.parse_args()
    ray.init(include_dashboard=False, num_cpus=4, configure_logging=True, log_to_driver=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": flags.port},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    for model in models:
        serve.run(deployment.bind(model), name=model, route_prefix=f"{prefix}{model}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    serve.shutdown()
    ray.shutdown()
