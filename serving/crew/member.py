"""A worker's part: it asks all, and does what all do."""

from __future__ import annotations

import asyncio
import json
import logging
from asyncio import Future, StreamReader
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from model_store.errors import EaselError, RegionExists
from model_store.spec import ModelVersion
from serving.api.calls import ModelRef
from serving.api.regions import Region
from serving.crew.crew import Alone
from serving.crew.encoding import (
    Data,
    Wanted,
    decode_configs,
    decode_done,
    decode_error,
    decode_ref,
    decode_region,
    decode_report,
    encode_configs,
    encode_done,
    encode_error,
    encode_ref,
    encode_region,
    encode_report,
)
from serving.crew.report import Report, report_of, together
from serving.engine.deployment import ModelConfig
from serving.engine.engine import Engine
from serving.engine.regions import Regions
from serving.engine.statistics import Statistics, total
from serving.observing.sharing import PAUSE_S, Place

logger = logging.getLogger(__name__)

# Of a worker that does not answer.
_SILENCE = Report(is_ready=False, has_looked=True)


@dataclass(frozen=True, slots=True)
class Wire:
    """To the supervisor and from it.

    Attributes:
        heard: What it says, line by line.
        send: Tells it something.
        stop: Set when it is no more.
    """

    heard: StreamReader
    send: Callable[[Mapping[str, Data]], None]
    stop: asyncio.Event


class Member:
    """One of several processes that share their ports; a ``Crew`` once it has joined.

    Attributes:
        place: Among the others.
        wanted: What it is to serve.
    """

    def __init__(self, place: Place, wanted: Wanted, wire: Wire) -> None:
        """Read what a predecessor has left."""
        self.place = place
        self.wanted = wanted
        self._wire = wire
        self._last = 0
        self._asked: dict[int, Future[list[Data]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._before = _read_done(place)
        self._written = ""

    def join(self, engine: Engine, regions: Regions | None = None) -> None:
        """Do from now on with *engine* and *regions* what all are told to do."""
        self._engine = engine
        self._regions = regions or Regions()
        self._alone = Alone(engine, self._regions)
        self._register_again()
        self._does: dict[str, Callable[[Data], Awaitable[Data]]] = {
            "is_ready": self._say_if_ready,
            "has": self._say_if_it_has,
            "report": self._say_all,
            "want": self._want,
            "reconfigure": self._reconfigure,
            "load": self._alone.load_model,
            "unload": self._alone.unload_model,
            "register": self._register,
            "unregister": self._alone.unregister_region,
        }
        self._begin(self._write_for_ever())
        self._begin(self._listen())

    def leave(self) -> None:
        """Do and say nothing any more."""
        for task in self._tasks:
            task.cancel()
        self._write()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _listen(self) -> None:
        async for line in self._wire.heard:
            message = json.loads(line)
            if "answer" in message:
                asking = self._asked.get(message["answer"])
                if asking is not None and not asking.done():
                    asking.set_result(message["replies"])
                continue
            self._begin(self._do(message))
        self._wire.stop.set()  # the supervisor is no more

    async def _write_for_ever(self) -> None:
        """Leave to a successor what has been done, now and then, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE_S)
            self._write()

    # What the settings name, as ``WantedModels`` has it: the supervisor follows the files.

    def named(self) -> tuple[ModelConfig, ...]:
        """The models that the operator has named; none when the store is served."""
        return self.wanted.named or ()

    async def apply(self, engine: Engine) -> None:
        """Let *engine* serve what is wanted.

        Raises:
            EaselError: The store cannot be read.
        """
        await engine.load_all(self.wanted.configs, self.wanted.unloaded)

    async def follow(self, engine: Engine) -> None:
        """Nothing: what changes, the supervisor tells."""

    # What all say and do, as ``Crew`` has it.

    async def is_ready(self) -> bool:
        """Whether everything that is wanted can be called, whichever process is reached."""
        return await self._agree("is_ready", None)

    async def has(self, ref: ModelRef) -> bool:
        """Whether *ref* can be called, whichever process is reached."""
        return await self._agree("has", encode_ref(ref))

    async def report(self) -> Report:
        """What all of them say of their models; who is stuck says nothing good."""
        replies = await self._ask("report", None)
        return together(
            [_SILENCE if each["error"] else decode_report(each["result"]) for each in replies]
        )

    async def reconfigure(self, configs: Iterable[ModelConfig]) -> None:
        """Serve exactly these models from now on, in every process."""
        await self._order("reconfigure", encode_configs(tuple(configs)))

    async def load_model(self, name: str) -> None:
        """Load a model in every process."""
        await self._order("load", name)

    async def unload_model(self, name: str) -> None:
        """Take no new calls for a model in any process."""
        await self._order("unload", name)

    async def register_region(self, region: Region) -> None:
        """Let calls use shared memory in every process, or in none."""
        try:
            await self._order("register", encode_region(region))
        except RegionExists:
            raise
        except EaselError:
            await self._order("unregister", region.name)
            raise

    async def unregister_region(self, name: str) -> None:
        """Let them use it no more, in any process."""
        await self._order("unregister", name)

    async def _agree(self, what: str, data: Data) -> bool:
        return all(each["result"] for each in await self._ask(what, data))

    async def _order(self, what: str, data: Data) -> None:
        """Let all do something.

        Raises:
            EaselError: What one of them has to say against it.
        """
        replies = await self._ask(what, data)
        failed = [reply for reply in replies if reply["error"]]
        if failed:
            # A mistake of the caller is everybody's; who alone cannot do it is named.
            is_alone = len(failed) < len(replies)
            sender = f"worker {failed[0]['from']} of {len(replies)}: " if is_alone else ""
            raise decode_error(failed[0]["error"], sender)

    async def _ask(self, what: str, data: Data) -> list[Data]:
        """The reply of each process."""
        self._last += 1
        number = self._last
        asking: Future[list[Data]] = asyncio.get_running_loop().create_future()
        self._asked[number] = asking
        try:
            self._wire.send({"ask": number, "what": what, "with": data})
            return await asking
        finally:
            del self._asked[number]

    async def _do(self, message: Data) -> None:
        result = error = None
        try:
            result = await self._does[message["what"]](message["with"])
        except EaselError as failure:
            error = encode_error(failure)
        except Exception:
            logger.exception("%s cannot be done", message["what"])
            error = encode_error(EaselError("the server made a mistake; its log has more"))
        configs, unloaded = self._engine.wanted()
        regions = [encode_region(each) for each in self._regions.all()]
        wanted = [encode_configs(configs), unloaded, regions]
        self._wire.send({"did": message["do"], "result": result, "error": error, "wanted": wanted})

    async def _say_if_ready(self, _: Data) -> Data:
        return self._engine.is_ready

    async def _say_if_it_has(self, data: Data) -> Data:
        return await self._alone.has(decode_ref(data))

    async def _say_all(self, _: Data) -> Data:
        report = report_of(self._engine)
        return encode_report(replace(report, done=self._with_before(report.done)))

    async def _want(self, data: Data) -> None:
        configs = decode_configs(data)
        self.wanted = replace(self.wanted, named=configs)
        await self._engine.load_all(configs)

    async def _register(self, data: Data) -> None:
        await self._alone.register_region(decode_region(data))

    def _register_again(self) -> None:
        """What was registered before this process was here; some of it may be no more."""
        for region in self.wanted.regions:
            try:
                self._regions.register(region)
            except EaselError as error:
                logger.info("shared memory of before is not used again: %s", error)

    async def _reconfigure(self, data: Data) -> None:
        await self._engine.reconfigure(decode_configs(data))

    def _with_before(
        self, done: Mapping[ModelVersion, Statistics]
    ) -> Mapping[ModelVersion, Statistics]:
        """What was done here, by this process and those before it in its place."""
        if self._engine.has_looked:  # counts begin anew with a load
            self._before = {model: self._before[model] for model in self._before if model in done}
        both = (self._before, done)
        models = {**self._before, **done}
        return {model: total(each[model] for each in both if model in each) for model in models}

    def _write(self) -> None:
        text = json.dumps(encode_done(self._with_before(report_of(self._engine).done)))
        if text == self._written:
            return
        draft = self.place.done.with_suffix(".draft")
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(self.place.done)
            self._written = text
        except OSError as error:
            logger.warning("a successor will not learn what was done: %s", error)


def _read_done(place: Place) -> dict[ModelVersion, Statistics]:
    try:
        return decode_done(json.loads(place.done.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be read: %s", place.done, error)
        return {}
