"""The supervisor's end of the lines, and the workers' ends as streams in this process."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from serving.crew import relay
from serving.crew.relay import Line, Relay


class Worker:
    """The other end of a line; replies when a test says so."""

    def __init__(self, line: Line, heard: asyncio.StreamReader) -> None:
        self.line = line
        self._heard = heard

    async def hear(self) -> dict:
        return json.loads(await asyncio.wait_for(self._heard.readline(), 10))

    async def reply(self, **said: object) -> None:
        did = (await self.hear())["do"]
        nothing = {"result": None, "error": None, "wanted": [None, [], []]}
        self.line.hear({"did": did, **nothing, **said})


@asynccontextmanager
async def two(all_of_them: Relay) -> AsyncIterator[list[Worker]]:
    workers, loop = [], asyncio.get_running_loop()
    for number in (1, 2):
        out, into = os.pipe()
        heard = asyncio.StreamReader()
        await loop.connect_read_pipe(
            lambda heard=heard: asyncio.StreamReaderProtocol(heard), os.fdopen(out, "rb")
        )
        writing, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(into, "wb")
        )
        line = Line(number, asyncio.StreamWriter(writing, protocol, None, loop), is_asked=True)

        async def start(line: Line = line) -> tuple[None, Line]:
            return None, line

        await all_of_them.begin(start)
        workers.append(Worker(line, heard))
    try:
        yield workers
    finally:
        for worker in workers:
            all_of_them.end(worker.line)


async def test_an_order_is_answered_when_all_have_done_it():
    all_of_them = Relay(None)
    async with two(all_of_them) as (first, second):
        order = asyncio.create_task(all_of_them.put("unload", "a"))
        await first.reply(wanted=[None, ["a"], [["r", "/r", 0, 8]]])
        await asyncio.sleep(0)
        assert not order.done()
        await second.reply(wanted=[None, ["a"], [["r", "/r", 0, 8]]])
        assert [reply["from"] for reply in await order] == [1, 2]
        assert all_of_them.wanted.unloaded == ("a",)


async def test_orders_come_to_all_in_one_order():
    all_of_them = Relay(None)
    async with two(all_of_them) as workers:
        orders = [asyncio.create_task(all_of_them.put("unload", name)) for name in "ab"]
        heard = []
        for _ in orders:
            told = [await worker.hear() for worker in workers]
            heard.append([each["with"] for each in told])
            for worker, each in zip(workers, told, strict=True):
                answer = {"result": None, "error": None, "wanted": [None, [], []]}
                worker.line.hear({"did": each["do"], **answer})
        await asyncio.gather(*orders)
        assert heard == [["a", "a"], ["b", "b"]]


async def test_nobody_waits_for_a_worker_that_has_ended():
    all_of_them = Relay(None)
    async with two(all_of_them) as (first, second):
        order = asyncio.create_task(all_of_them.put("load", "a"))
        await first.reply()
        await second.hear()
        all_of_them.end(second.line)
        assert [reply["from"] for reply in await order] == [1]


async def test_a_worker_that_begins_meanwhile_misses_nothing():
    all_of_them = Relay(None)
    async with two(all_of_them) as (first, second):
        order = asyncio.create_task(all_of_them.put("unload", "a"))
        await asyncio.sleep(0)
        words: list[bytes] = []

        async def start() -> tuple[None, Line]:
            words.append(all_of_them.first_words)
            return None, first.line

        beginning = asyncio.create_task(all_of_them.begin(start))
        await first.reply(wanted=[None, ["a"], [["r", "/r", 0, 8]]])
        assert not words, "it must not begin between an order and its end"
        await second.reply(wanted=[None, ["a"], [["r", "/r", 0, 8]]])
        await asyncio.gather(order, beginning)
        assert json.loads(words[0])["wanted"] == [None, None, ["a"], [["r", "/r", 0, 8]]]


async def test_a_worker_that_is_stuck_keeps_no_question_from_its_answer():
    all_of_them = Relay(None, answer_s=0.05)
    async with two(all_of_them) as (first, second):
        question = asyncio.create_task(all_of_them.put("is_ready", None))
        await first.reply(result=True)
        replies = await question
        assert [reply["result"] for reply in replies] == [True, None]
        assert replies[1]["error"] == ["ServableNotReady", "it does not answer"]
        await second.reply(result=True)  # too late, and of no harm


async def test_one_that_begins_beside_others_is_asked_when_it_has_started():
    all_of_them = Relay(None)
    async with two(all_of_them) as (first, second):
        second.line.is_asked = False
        question = asyncio.create_task(all_of_them.put("is_ready", None))
        await first.reply(result=True)
        assert [reply["from"] for reply in await question] == [1]


@pytest.mark.parametrize("what", sorted(relay.QUESTIONS))
async def test_a_question_waits_for_no_order(what):
    all_of_them = Relay(None)
    async with two(all_of_them) as workers:
        order = asyncio.create_task(all_of_them.put("load", "a"))
        waiting = [await worker.hear() for worker in workers]
        question = asyncio.create_task(all_of_them.put(what, None))
        for worker in workers:
            await worker.reply(result=False)
        assert len(await question) == 2
        for worker, each in zip(workers, waiting, strict=True):
            answer = {"result": None, "error": None, "wanted": [None, [], []]}
            worker.line.hear({"did": each["do"], **answer})
        await order
