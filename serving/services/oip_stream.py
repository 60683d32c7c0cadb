"""ModelStreamInfer: one answer for each request, in the requests' order.

The requests of a stream run at the same time.  One that fails is answered with its
``error_message``, and the stream goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from model_store.errors import EaselError
from serving.api import oip
from serving.engine.engine import Engine
from serving.services import oip_models as models
from serving.services.methods import Call
from serving.services.oip_regions import Sharing

logger = logging.getLogger(__name__)

# Requests of one stream that have begun and are not answered; more wait on the wire.
_AT_ONCE = 64

_Item = asyncio.Task[bytes] | EaselError | None


def stream_infer(
    engine: Engine, sharing: Sharing
) -> Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]]:
    """The method's handler."""

    async def answers(requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        begun: asyncio.Queue[_Item] = asyncio.Queue(_AT_ONCE)
        running: set[asyncio.Task[bytes]] = set()

        def begin(request: bytes) -> asyncio.Task[bytes]:
            task = asyncio.create_task(_answer(engine, sharing, request, call))
            running.add(task)
            task.add_done_callback(running.discard)
            return task

        reading = asyncio.create_task(_read(requests, begin, begun))
        try:
            while (item := await begun.get()) is not None:
                if isinstance(item, EaselError):
                    raise item
                yield await item
        finally:
            left = [reading, *running]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    return answers


async def _read(
    requests: AsyncIterator[bytes],
    begin: Callable[[bytes], asyncio.Task[bytes]],
    begun: asyncio.Queue[_Item],
) -> None:
    """Begin each request as it comes; what is no message ends the stream with its error."""
    try:
        async for request in requests:
            await begun.put(begin(request))
    except EaselError as error:
        await begun.put(error)
    else:
        await begun.put(None)


async def _answer(engine: Engine, sharing: Sharing, request: bytes, stream: Call) -> bytes:
    infer = None
    try:
        with sharing.for_call() as memory:
            infer = oip.decode_infer_request(request, memory)
            call = replace(stream, asked=infer.prediction.model)
            servable = models.find(engine, infer.prediction.model)
            answer = await models.infer(engine, servable, infer.prediction, infer.options, call)
            stream.asked, stream.answer = call.asked, call.answer  # the last one is in the log
            return oip.encode_stream_answer(answer, infer, memory)
    except EaselError as error:
        return oip.encode_stream_error(str(error), infer.id if infer else "")
    except Exception:  # the other requests of the stream have nothing to do with it
        logger.exception("a request of a stream failed")
        return oip.encode_stream_error("internal error", infer.id if infer else "")
