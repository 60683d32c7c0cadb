"""``easel serve``: read the settings, choose a transport, serve until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from model_store.address import check_free
from model_store.errors import InvalidRequest
from model_store.settings import add_flags, read_settings
from serving.config import ServerConfig
from serving.transports import envoy
from serving.transports.control import Report

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="easel serve", description="Serve a model store.")
    add_flags(parser, ServerConfig)
    config = read_settings(ServerConfig, "serve", parser.parse_args(arguments), os.environ)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    if not config.store.is_dir():
        raise InvalidRequest(f"there is no model store at {config.store}; name one with --store")
    check_free(config.host, config.port, "stop that program or choose another with --port")
    asyncio.run(_serve(config))
    return 0


async def _serve(config: ServerConfig) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await import_module(choose_transport(config)).serve(config, stop, announce)


def choose_transport(config: ServerConfig) -> str:
    """The module that serves: Envoy unless it cannot run here or grpcio is asked for."""
    reason = envoy.why_not() if config.transport != "grpcio" else ""
    if config.transport == "envoy" and reason:
        raise InvalidRequest(f"--transport envoy: {reason}")
    if reason:
        logger.warning("%s: serving with grpcio, which is slower", reason)
    is_envoy = config.transport != "grpcio" and not reason
    return "serving.transports.envoy" if is_envoy else "serving.transports.grpcio"


def announce(report: Report, address: str) -> None:
    """Say on standard output what is served and where."""
    for model, why in report.failed:
        print(f"not served: {model}: {why}", file=sys.stderr)
    print(f"easel serve: {', '.join(report.ready) or 'no model'} on {address} (gRPC)", flush=True)
