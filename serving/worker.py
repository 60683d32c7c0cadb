"""``python -m serving.worker``: one of several server processes; see ``supervisor``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict
from typing import TextIO

from model_store.errors import EaselError
from model_store.settings import from_json
from serving.cli import quieten_collector, set_up_logging
from serving.config import ServerConfig
from serving.observing.sharing import Place
from serving.server import Started, serve


def main() -> int:
    """Serve until SIGTERM, or until the supervisor is no more; returns the exit status."""
    # Ctrl-C in a terminal reaches this process too; the supervisor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    config = from_json(ServerConfig, sys.stdin.readline())
    place = from_json(Place, sys.stdin.readline())
    # Standard output belongs to the supervisor; what else is printed goes to the log.
    supervisor = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    set_up_logging()
    try:
        asyncio.run(_serve(config, place, supervisor))
    except EaselError as error:
        print(f"easel serve: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


async def _serve(config: ServerConfig, place: Place, supervisor: TextIO) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # Nothing more is ever written there, so that it can be read only when it has ended.
    loop.add_reader(sys.stdin.fileno(), stop.set)

    def announce(started: Started) -> None:
        quieten_collector()
        print(json.dumps(asdict(started)), file=supervisor, flush=True)

    await serve(config, stop, announce, place=place)


if __name__ == "__main__":
    sys.exit(main())
