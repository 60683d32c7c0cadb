"""``python -m serving.worker``: one of several server processes; see ``supervisor``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio import StreamReader, StreamReaderProtocol
from dataclasses import asdict
from typing import TextIO

from model_store.errors import EaselError
from model_store.settings import from_json
from serving.cli import quieten_collector, set_up_logging
from serving.config import ServerConfig
from serving.crew.encoding import LONGEST_LINE, Data, decode_wanted
from serving.crew.member import Member, Wire
from serving.observing.sharing import Place
from serving.server import serve
from serving.started import Started


def main() -> int:
    """Serve until SIGTERM, or until the supervisor is no more; returns the exit status."""
    # Ctrl-C in a terminal reaches this process too; the supervisor decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    supervisor = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    set_up_logging()
    try:
        asyncio.run(_serve(supervisor))
    except EaselError as error:
        print(f"easel serve: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


async def _serve(supervisor: TextIO) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    heard = StreamReader(limit=LONGEST_LINE)
    await loop.connect_read_pipe(lambda: StreamReaderProtocol(heard), sys.stdin)
    config = from_json(ServerConfig, (await heard.readline()).decode())
    place = from_json(Place, (await heard.readline()).decode())
    # What is printed or logged there goes where the command's own goes, and not to the supervisor.
    os.dup2(place.output, sys.stdout.fileno())
    wanted = decode_wanted(json.loads(await heard.readline())["wanted"])

    def send(message: Data) -> None:
        print(json.dumps(message), file=supervisor, flush=True)

    def announce(started: Started) -> None:
        quieten_collector()
        send({"started": asdict(started)})

    member = Member(place, wanted, Wire(heard, send, stop))
    await serve(config, stop, announce, member=member)


if __name__ == "__main__":
    sys.exit(main())
