"""Several server processes on the same ports, kept alive by one that serves nothing.

Each worker listens for itself (SO_REUSEPORT); the kernel spreads the connections by chance,
and the workers among themselves until all have as many: see ``sockets.siblings``.  A worker
gets its settings on standard input, which also tells it, by its end, that the
supervisor is no more; it says on standard output when it is ready.  Over the same two it
asks what all are to answer or to do: see ``crew``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from model_store.errors import EaselError
from model_store.settings import to_json
from serving.config import ServerConfig
from serving.crew.encoding import LONGEST_LINE
from serving.crew.relay import Line, Relay
from serving.observing.sharing import Place
from serving.sockets.siblings import Siblings
from serving.started import Started
from serving.transport.local_socket import listening_at
from serving.transport.sockets import reserved
from serving.wanted import WantedModels

logger = logging.getLogger(__name__)

# A worker that lived this long is not in a row of failures.
_LIVED_S = 10.0
_LEAST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
# What a worker may take beyond its drain before it is killed.
_MARGIN_S = 5.0


async def supervise(
    config: ServerConfig, stop: asyncio.Event, announce: Callable[[Started], None]
) -> None:
    """Keep ``config.workers`` processes serving until *stop* is set, then let them drain.

    Args:
        config: The settings; a port 0 is chosen once, for all of them.
        stop: Set by the caller's signal handlers.
        announce: Called once, when every worker is ready.

    Raises:
        EaselError: One ended at the start, before it was ready.
    """
    with ExitStack() as stack:
        ports = stack.enter_context(reserved(config.host, (config.port, config.rest_api_port)))
        config = replace(config, port=ports[0], rest_api_port=ports[1])
        counts = Path(stack.enter_context(TemporaryDirectory(prefix="easel-counts-")))
        Siblings.prepare(counts, config.workers)
        local = -1
        if config.grpc_socket_path:  # a path cannot be bound twice: all listen on one socket
            local = stack.enter_context(listening_at(config.grpc_socket_path)).fileno()
        output = os.dup(sys.stdout.fileno())
        stack.callback(os.close, output)
        places = [
            Place(counts, number, config.workers, output=output, local=local)
            for number in range(1, config.workers + 1)
        ]
        wanted = WantedModels(config)
        await wanted.remark()
        relay = Relay(wanted.configs)
        workers = [_Worker(place, config, stop, relay) for place in places]
        keepers = [asyncio.create_task(worker.keep()) for worker in workers]
        following = asyncio.create_task(wanted.follow(relay))
        try:
            started = await _all_ready(workers, keepers, stop)
            if started is not None:
                announce(started)
                await stop.wait()
        finally:
            stop.set()
            following.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)


async def _all_ready(
    workers: Sequence[_Worker], keepers: Sequence[asyncio.Task[None]], stop: asyncio.Event
) -> Started | None:
    """What the first worker has to say once all are ready; None when told to stop before."""

    async def all_of_them() -> None:
        for worker in workers:
            await worker.is_ready.wait()

    async def told_to_stop() -> None:
        await stop.wait()

    ready, stopping = asyncio.create_task(all_of_them()), asyncio.create_task(told_to_stop())
    await asyncio.wait([ready, stopping, *keepers], return_when=asyncio.FIRST_COMPLETED)
    is_ready = ready.done()
    ready.cancel()
    stopping.cancel()
    for keeper in keepers:
        if keeper.done():
            keeper.result()
    return workers[0].started if is_ready else None


class _Worker:
    """One place, and the processes that follow each other in it."""

    def __init__(
        self, place: Place, config: ServerConfig, stop: asyncio.Event, relay: Relay
    ) -> None:
        self.started: Started | None = None
        self.is_ready = asyncio.Event()
        self._place = place
        self._config = config
        self._stop = stop
        self._relay = relay

    async def keep(self) -> None:
        """Start a process, and another when it ends, until told to stop.

        Raises:
            EaselError: The first one ended before it was ready.
        """
        loop = asyncio.get_running_loop()
        pause_s = _LEAST_PAUSE_S
        while not self._stop.is_set():
            begun = loop.time()
            status = await self._run()
            if self._stop.is_set():
                return
            if not self.is_ready.is_set():
                raise EaselError(
                    f"worker {self._place.number} ended with status {status} at its start"
                )
            if loop.time() - begun > _LIVED_S:
                pause_s = _LEAST_PAUSE_S
            logger.error(
                "worker %d ended with status %d; another begins in %.1f s",
                self._place.number, status, pause_s,
            )  # fmt: skip
            await _pause(pause_s, self._stop)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _run(self) -> int:
        """One process from its start to its end; returns its exit status."""
        process, line = await self._relay.begin(self._start)
        listening = asyncio.create_task(self._listen(process, line))
        ending = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([ending, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                await self._end(process, ending)
            return await ending
        finally:
            stopping.cancel()
            await listening
            self._relay.end(line)

    async def _start(self) -> tuple[Process, Line]:
        """A process that knows what is wanted; one that follows another is not asked yet."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "serving.worker", stdin=PIPE, stdout=PIPE, limit=LONGEST_LINE,
            pass_fds=[each for each in (self._place.output, self._place.local) if each >= 0],
        )  # fmt: skip
        assert process.stdin is not None
        is_successor = self.is_ready.is_set()
        place = replace(self._place, is_successor=is_successor)
        process.stdin.write(f"{to_json(self._config)}\n{to_json(place)}\n".encode())
        process.stdin.write(self._relay.first_words)
        return process, Line(place.number, process.stdin, is_asked=not is_successor)

    async def _listen(self, process: Process, line: Line) -> None:
        """Until the process ends."""
        assert process.stdout is not None
        async for text in process.stdout:
            message = json.loads(text)
            if "started" in message:
                self._note(message["started"], process, line)
            else:
                self._relay.hear(line, message)

    def _note(self, said: dict[str, Any], process: Process, line: Line) -> None:
        failed = tuple((model, why) for model, why in said["failed"])
        self.started = Started(**said | {"ready": tuple(said["ready"]), "failed": failed})
        self.is_ready.set()
        line.is_asked = True
        logger.info("worker %d is ready, process %d", line.number, process.pid)

    async def _end(self, process: Process, ending: asyncio.Task[int]) -> None:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait([ending], timeout=self._config.drain_s + _MARGIN_S)
        if not ending.done():
            logger.error("worker %d did not end in time and is killed", self._place.number)
            process.kill()


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait, but not when told to stop."""
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting], timeout=seconds)
    waiting.cancel()
