"""A version's end: its calls finish, and its memory goes back to the system."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import weakref
from collections.abc import Callable

from serving.engine.loading import Workshop
from serving.engine.servable import Servable

_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.02, 1.0


async def unload(servable: weakref.ref[Servable], free: Callable[[], None], shop: Workshop) -> bool:
    """Wait until nobody holds a version any more, then free it.

    A call holds its version from the moment it finds it to its answer, whatever it does
    in between; that is why holders are waited for, and not runs.

    Args:
        servable: Taken out of service; the caller holds it no longer.
        free: Frees what runs it, without holding the servable itself.
        shop: Where, and how long calls may take.

    Returns:
        Whether every call had finished.
    """
    loop = asyncio.get_running_loop()
    deadline, pause_s = loop.time() + shop.options.drain_s, _FIRST_LOOK_S
    while servable() is not None and loop.time() < deadline:
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_LOOK_S)
        if servable() is not None:
            # Calls that failed leave cycles behind: error, traceback, frame, error.
            gc.collect()
    is_free = servable() is None
    await loop.run_in_executor(shop.executor, _free, free)
    return is_free


def _free(free: Callable[[], None]) -> None:
    free()
    # glibc keeps what is free; other systems' allocators have no such call.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
