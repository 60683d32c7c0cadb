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
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from model_store.address import check_free
from model_store.errors import InvalidRequest
from model_store.settings import add_flags, read_settings
from serving.application import build_control
from serving.config import ServerConfig
from serving.crew.choosing import choose_workers
from serving.drop_in import (
    add_flags_without_effect,
    add_other_names,
    explain_flags_without_effect,
)
from serving.engine.machine import read_machine
from serving.mirroring import open_mirror, with_mirror_dir
from serving.server import serve
from serving.started import Started
from serving.supervisor import supervise
from serving.tls import read_tls
from serving.wanted import limits_of, monitoring_of, wanted_models

logger = logging.getLogger(__name__)

_COLLECTED_AT = (50_000, 20, 100)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = _parser().parse_args(arguments)
    config = read_settings(ServerConfig, "serve", flags, os.environ)
    set_up_logging()
    for sentence in explain_flags_without_effect(flags):
        logger.warning("%s", sentence)
    config = with_mirror_dir(config, os.environ)
    _check(config)
    asyncio.run(_serve(config))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="easel serve",
        description="Serve a model store, or what tensorflow_model_server's flags name.",
        usage="easel serve [--SETTING=VALUE ...]   (--help lists the settings)",
        allow_abbrev=False,  # a flag of a later TF Serving must not become another of ours
    )
    text = f"easel {version('easel')}"
    parser.add_argument("--version", action="version", version=text)
    add_flags(parser, ServerConfig)
    add_other_names(parser)
    add_flags_without_effect(parser)
    return parser


def _check(config: ServerConfig) -> None:
    """Tell a mistake in the settings before anything begins.

    Raises:
        InvalidRequest: There is one.
        AddressTaken: A port is another program's.
    """
    mirror = open_mirror(config)
    if mirror is not None:
        mirror.claim()
    elif wanted_models(config) is None and not Path(config.store).is_dir():
        raise InvalidRequest(
            f"there is no model store at {config.store}; name one with --store, "
            "or one model with --model_base_path"
        )
    monitoring_of(config)
    limits_of(config, lanes=1)
    read_tls(config)
    build_control(config)
    for flag, port in (("--port", config.port), ("--rest_api_port", config.rest_api_port)):
        check_free(config.host, port, f"stop that program or choose another with {flag}")


def set_up_logging() -> None:
    """Log to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")


async def _serve(config: ServerConfig) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    count = choose_workers(config, read_machine())
    logger.info("%s", count.reason)
    config = replace(config, workers=count.workers)
    await (supervise if config.workers > 1 else serve)(config, stop, announce)


def quieten_collector() -> None:
    """Keep the cyclic collector out of the calls, once everything is loaded."""
    # What is here now stays: the collector, which runs when versions are unloaded, need
    # not look at it again, and then takes no time that a call would notice.
    gc.collect()
    gc.freeze()
    # Of what a call leaves behind nothing is a cycle, but a body of JSON makes more lists
    # than the collector usually waits for: it would look for cycles in every call.
    gc.set_threshold(*_COLLECTED_AT)


def announce(started: Started) -> None:
    """Say on standard output what is served and where."""
    quieten_collector()
    for model, why in started.failed:
        print(f"not served: {model}: {why}", file=sys.stderr)
    models = ", ".join(started.ready) or "no model"
    places = [f"{started.address} (gRPC)", f"{started.http} (HTTP)"]
    encrypted = (started.is_encrypted, started.is_http_encrypted)
    places = [
        f"{place[:-1]}, TLS)" if is_so else place
        for place, is_so in zip(places, encrypted, strict=True)
    ]
    places += [started.local] if started.local else []
    print(f"easel serve: {models} on {' and '.join(places)}", flush=True)
