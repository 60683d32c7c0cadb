"""The supervisor's part: what one worker asks of all is put to each, in one order for all."""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future, StreamWriter
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from model_store.errors import ServableNotReady
from serving.crew.encoding import (
    Configs,
    Data,
    Wanted,
    decode_configs,
    decode_region,
    encode_configs,
    encode_error,
    encode_wanted,
    to_line,
)
from serving.engine.deployment import ModelConfig

logger = logging.getLogger(__name__)

# These change nothing, and a worker that is stuck must not keep the others from answering.
QUESTIONS = frozenset({"is_ready", "has", "report"})
ANSWER_S = 5.0


class Line:
    """To one worker, from its start to its end.

    Attributes:
        number: Which one.
        is_asked: Whether its answers count: not while another does its work alone.
    """

    def __init__(self, number: int, writer: StreamWriter, *, is_asked: bool) -> None:
        self.number = number
        self.is_asked = is_asked
        self._writer = writer
        self._pending: dict[int, Future[Data]] = {}
        self._last = 0

    def send(self, message: Data) -> None:
        """Send it; one who has ended gets nothing."""
        if not self._writer.is_closing():
            self._writer.write(to_line(message))

    async def put(self, what: str, data: Data, limit_s: float | None) -> Data | None:
        """What the worker replies; None when it ended before."""
        self._last += 1
        number = self._last
        self._pending[number] = reply = asyncio.get_running_loop().create_future()
        self.send({"do": number, "what": what, "with": data})
        try:
            return await asyncio.wait_for(reply, limit_s)
        except TimeoutError:
            return {"result": None, "error": encode_error(ServableNotReady("it does not answer"))}
        finally:
            del self._pending[number]

    def hear(self, reply: Data) -> None:
        """The worker has replied."""
        waiting = self._pending.get(reply["did"])
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    def close(self) -> None:
        """The worker has ended; nobody waits for it any longer."""
        self._writer.close()
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_result(None)


class Relay:
    """All workers, as one.

    Attributes:
        wanted: What a worker that begins is to serve.
    """

    def __init__(self, configs: Configs, *, answer_s: float = ANSWER_S) -> None:
        """Nobody is there yet; a worker has *answer_s* seconds to answer a question."""
        self._answer_s = answer_s
        self.wanted = Wanted(configs, configs)
        self._lines: dict[int, Line] = {}
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(
        self, start: Callable[[], Awaitable[tuple[Process, Line]]]
    ) -> tuple[Process, Line]:
        """Let a worker begin with what is wanted, missing nothing of what is being done."""
        async with self._turn:
            process, line = await start()
            self._lines[line.number] = line
            return process, line

    def end(self, line: Line) -> None:
        """A worker has ended."""
        self._lines.pop(line.number, None)
        line.close()

    def hear(self, line: Line, message: Data) -> None:
        """A worker has said something beyond that it has started."""
        if "did" in message:
            line.hear(message)
            return
        task = asyncio.get_running_loop().create_task(self._answer(line, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def load_all(self, configs: Iterable[ModelConfig] | None) -> None:
        """Let all serve what the operator names by now."""
        await self.put("want", encode_configs(None if configs is None else tuple(configs)))

    async def put(self, what: str, data: Data) -> list[Data]:
        """Put something to all workers; the replies of those that did not end meanwhile."""
        if what in QUESTIONS:
            lines = [line for line in self._lines.values() if line.is_asked]
            return await _replies(lines, what, data, self._answer_s)
        async with self._turn:
            replies = await _replies(list(self._lines.values()), what, data, None)
            self._note(what, data, replies)
            return replies

    def _note(self, what: str, data: Data, replies: Iterable[Data]) -> None:
        named = decode_configs(data) if what == "want" else self.wanted.named
        self.wanted = replace(self.wanted, named=named)
        for reply in sorted(replies, key=lambda reply: reply["error"] is not None)[:1]:
            configs, unloaded, regions = reply["wanted"]
            self.wanted = Wanted(
                named, decode_configs(configs), tuple(unloaded),
                tuple(map(decode_region, regions)),
            )  # fmt: skip

    async def _answer(self, line: Line, message: Data) -> None:
        replies = await self.put(message["what"], message["with"])
        line.send({"answer": message["ask"], "replies": replies})

    @property
    def first_words(self) -> bytes:
        """What a worker is told at its start."""
        return to_line({"wanted": encode_wanted(self.wanted)})


async def _replies(lines: list[Line], what: str, data: Data, limit_s: float | None) -> list[Data]:
    replies = await asyncio.gather(*(line.put(what, data, limit_s) for line in lines))
    return [
        {**reply, "from": line.number}
        for line, reply in zip(lines, replies, strict=True)
        if reply is not None
    ]
