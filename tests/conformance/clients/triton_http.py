"""Runs in the environment of ``tritonclient``: HTTP, sync and aio.

python triton_http.py GRPC HTTP STORE
"""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import triton_calls
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from report import Report
from triton_kit import ROW, Kit

API = "Open Inference HTTP"


def main(_grpc: str, address: str, _store: str) -> None:
    with triton.InferenceServerClient(address, concurrency=4) as client:
        kit = Kit(Report("tritonclient.http", API), triton, client, is_http=True)
        asyncio.run(triton_calls.run(kit))
        with kit.report.feature("infer, several at the same time"):
            waiting = [client.async_infer("add", [kit.tensor("x", ROW * n)]) for n in range(8)]
            for number, each in enumerate(waiting):
                np.testing.assert_array_equal(each.get_result().as_numpy("y"), ROW * number + 1)
    asyncio.run(aio(address))


async def aio(address: str) -> None:
    async with triton_aio.InferenceServerClient(address) as client:
        kit = Kit(Report("tritonclient.http.aio", API), triton_aio, client, is_http=True)
        await triton_calls.run(kit)
        with kit.report.feature("infer, several at the same time"):
            answers = await asyncio.gather(
                *(client.infer("add", [kit.tensor("x", ROW * n)]) for n in range(8))
            )
            for number, each in enumerate(answers):
                np.testing.assert_array_equal(each.as_numpy("y"), ROW * number + 1)


main(*sys.argv[1:])
