"""Runs in the environment of ``tritonclient``: gRPC, sync and aio, and streams.

python triton_grpc.py GRPC HTTP STORE
"""

from __future__ import annotations

import asyncio
import queue
import sys

import numpy as np
import triton_calls
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from report import Report
from triton_kit import ROW, Kit

API = "Open Inference gRPC"


def main(address: str, _http: str, _store: str) -> None:
    with triton.InferenceServerClient(address) as client:
        kit = Kit(Report("tritonclient.grpc", API), triton, client, is_http=False)
        asyncio.run(triton_calls.run(kit))
        call_back(kit)
        stream(kit)
    asyncio.run(aio(address))


def call_back(kit: Kit) -> None:
    with kit.report.feature("infer, with a callback"):
        answers: queue.Queue = queue.Queue()
        kit.client.async_infer(
            "add", [kit.tensor("x", ROW)], lambda result, error: answers.put((result, error))
        )
        result, error = answers.get(timeout=20)
        assert error is None
        np.testing.assert_array_equal(result.as_numpy("y"), ROW + 1)


def stream(kit: Kit) -> None:
    answers: queue.Queue = queue.Queue()

    def send(model: str, number: int) -> tuple:
        kit.client.async_stream_infer(
            model, [kit.tensor("x", ROW * number)], request_id=str(number)
        )
        return answers.get(timeout=20)

    with kit.report.feature("stream, one answer for each request"):
        kit.client.start_stream(lambda result, error: answers.put((result, error)))
        for number in range(3):
            result, error = send("add", number)
            assert error is None, error
            assert result.get_response().id == str(number)
            np.testing.assert_array_equal(result.as_numpy("y"), ROW * number + 1)
        kit.client.stop_stream()
    with kit.report.feature("stream, an error does not end it"):
        kit.client.start_stream(lambda result, error: answers.put((result, error)))
        _, error = send("nope", 1)
        assert "Request for unknown model: 'nope' is not found" in str(error)
        result, error = send("add", 2)
        assert error is None, error
        kit.client.stop_stream()


async def aio(address: str) -> None:
    async with triton_aio.InferenceServerClient(address) as client:
        kit = Kit(Report("tritonclient.grpc.aio", API), triton_aio, client, is_http=False)
        await triton_calls.run(kit)
        with kit.report.feature("stream, one answer for each request"):
            await aio_stream(kit, ("add", "add", "add"))
        with kit.report.feature("stream, an error does not end it"):
            await aio_stream(kit, ("nope", "add"))


async def aio_stream(kit: Kit, models: tuple[str, ...]) -> None:
    async def requests():
        for number, model in enumerate(models):
            yield {
                "model_name": model,
                "inputs": [kit.tensor("x", ROW * number)],
                "request_id": str(number),
            }

    seen = 0
    async for result, error in kit.client.stream_infer(requests()):
        if models[seen] == "nope":
            assert "Request for unknown model: 'nope' is not found" in str(error)
        else:
            assert error is None, error
            np.testing.assert_array_equal(result.as_numpy("y"), ROW * seen + 1)
        seen += 1
    assert seen == len(models)


main(*sys.argv[1:])
