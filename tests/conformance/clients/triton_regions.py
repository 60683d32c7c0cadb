"""Tensors in shared memory, by the module that Triton's clients bring for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import numpy as np
import tritonclient.utils.shared_memory as shm
from triton_kit import ROW, Kit, refused


@contextmanager
def region(size: int) -> Iterator[tuple[str, str, Any]]:
    """A new region's name, its key, and its handle."""
    name = f"easel-{uuid4().hex}"
    handle = shm.create_shared_memory_region(name, f"/{name}", size)
    try:
        yield name, f"/{name}", handle
    finally:
        shm.destroy_shared_memory_region(handle)


async def regions(kit: Kit) -> None:
    with (
        kit.report.feature("tensors in shared memory"),
        region(64) as (given, key, mine),
        region(64) as (wanted, other_key, theirs),
    ):
        await kit.ask("register_system_shared_memory", given, key, 64)
        await kit.ask("register_system_shared_memory", wanted, other_key, 64)
        for row in (ROW, ROW + 7):
            shm.set_shared_memory_region(mine, [row])
            put = kit.module.InferInput("x", list(row.shape), "FP32")
            put.set_shared_memory(given, row.nbytes)
            answer = await kit.infer("add", [put])
            np.testing.assert_array_equal(answer.as_numpy("y"), row + 1)
            got = kit.module.InferRequestedOutput("y")
            got.set_shared_memory(wanted, row.nbytes)
            answer = await kit.infer("add", [put], outputs=[got])
            assert answer.get_output("y") is not None
            found = shm.get_contents_as_numpy(theirs, np.float32, row.shape)
            np.testing.assert_array_equal(found, row + 1)
        status = await kit.ask("get_system_shared_memory_status", given)
        assert given in str(status)
        already = "400" if kit.is_http else "ALREADY_EXISTS"
        async with refused(already, "already in manager"):
            await kit.ask("register_system_shared_memory", given, key, 64)
        for name in (given, wanted):
            await kit.ask("unregister_system_shared_memory", name)
        missing = "404" if kit.is_http else "NOT_FOUND"
        async with refused(missing, "Unable to find shared memory region"):
            await kit.infer("add", [put])
