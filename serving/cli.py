"""``easel serve``: read the settings and serve until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence

from model_store.address import check_free
from model_store.errors import InvalidRequest
from model_store.settings import add_flags, read_settings
from serving.config import ServerConfig
from serving.server import Started, build_control, serve
from serving.supervisor import supervise

_COLLECTED_AT = (50_000, 20, 100)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="easel serve", description="Serve a model store.")
    add_flags(parser, ServerConfig)
    config = read_settings(ServerConfig, "serve", parser.parse_args(arguments), os.environ)
    set_up_logging()
    if not config.store.is_dir():
        raise InvalidRequest(f"there is no model store at {config.store}; name one with --store")
    build_control(config)  # a mistake in it is told before anything begins
    for flag, port in (("--port", config.port), ("--rest_api_port", config.rest_api_port)):
        check_free(config.host, port, f"stop that program or choose another with {flag}")
    asyncio.run(_serve(config))
    return 0


def set_up_logging() -> None:
    """Log to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")


async def _serve(config: ServerConfig) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await (supervise if config.workers > 1 else serve)(config, stop, announce)


def announce(started: Started) -> None:
    """Say on standard output what is served and where."""
    # What is here now stays: the collector, which runs when versions are unloaded, need
    # not look at it again, and then takes no time that a call would notice.
    gc.collect()
    gc.freeze()
    # Of what a call leaves behind nothing is a cycle, but a body of JSON makes more lists
    # than the collector usually waits for: it would look for cycles in every call.
    gc.set_threshold(*_COLLECTED_AT)
    for model, why in started.failed:
        print(f"not served: {model}: {why}", file=sys.stderr)
    models = ", ".join(started.ready) or "no model"
    places = [f"{started.address} (gRPC)", f"{started.http} (HTTP)"]
    if started.is_encrypted:
        places = [f"{place[:-1]}, TLS)" for place in places]
    places += [started.local] if started.local else []
    print(f"easel serve: {models} on {' and '.join(places)}", flush=True)
