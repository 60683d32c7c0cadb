"""The line between the supervisor and the process that answers.

A Unix socket in a private folder.  The worker says, one JSON object a line, what it has
loaded and when it has drained; the supervisor says ``drain``.  Either end sees at once
when the other is gone, so that no worker outlives its supervisor.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says.

    Attributes:
        event: ``loaded`` once after the start, ``drained`` when no call is in flight.
        ready: Servables that can be called, as ``numbers/1``.
        failed: Servables that cannot, and why.
    """

    event: str
    ready: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


class Worker:
    """The worker's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, path: Path) -> Worker:
        """Reach the supervisor."""
        return cls(*await asyncio.open_unix_connection(str(path)))

    async def send(self, report: Report) -> None:
        """Tell the supervisor."""
        self._writer.write(json.dumps(asdict(report)).encode() + b"\n")
        await self._writer.drain()

    async def obey(self, drain: Callable[[], Awaitable[None]]) -> None:
        """Wait for the word to drain and obey it; returns when the supervisor is gone."""
        while line := await self._reader.readline():
            if line.strip() == b"drain":
                await drain()
                await self.send(Report("drained"))

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class Supervisor:
    """The supervisor's end: listens, and has one worker."""

    def __init__(self) -> None:
        self._reports: asyncio.Queue[Report] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None

    async def listen(self, path: Path) -> None:
        """Wait for a worker at *path*, in the background."""
        self._server = await asyncio.start_unix_server(self._serve, str(path))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        while line := await reader.readline():
            value = json.loads(line)
            failed = tuple((model, why) for model, why in value["failed"])
            self._reports.put_nowait(Report(value["event"], tuple(value["ready"]), failed))

    async def next_report(self) -> Report:
        """The worker's next word."""
        return await self._reports.get()

    def drain(self) -> None:
        """Ask the worker to be ready no more and to finish."""
        if self._writer is not None:
            self._writer.write(b"drain\n")

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        if self._server is not None:
            self._server.close()
