"""Runs in the environment of ``kserve``: its REST client (v1 and v2) and its gRPC client.

python kserve_sdk.py GRPC HTTP STORE
"""

from __future__ import annotations

import asyncio
import logging
import sys

import grpc
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from report import Report, fails

ROW = np.array([[1, 2, 3, 4]], np.float32)
# The SDK logs each failure that it raises.
logging.disable(logging.CRITICAL)


def main(rpc: str, http: str, _store: str) -> None:
    asyncio.run(rest_v1(f"http://{http}"))
    asyncio.run(rest_v2(f"http://{http}"))
    asyncio.run(over_grpc(rpc))


def tensor(name: str, array: np.ndarray, datatype: str, *, binary: bool) -> InferInput:
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def request(model: str, *inputs: InferInput) -> InferRequest:
    return InferRequest(model, list(inputs), request_id="seven")


async def rest_v1(base: str) -> None:
    report = Report("kserve REST v1", "TF Serving REST")
    async with InferenceRESTClient(RESTConfig(protocol="v1")) as client:
        with report.feature("predict by row, one input"):
            answer = await client.infer(base, {"instances": ROW.tolist()}, model_name="add")
            assert answer == {"predictions": [[2.0, 3.0, 4.0, 5.0]]}
        with report.feature("errors of model and version"):
            with fails(httpx.HTTPStatusError, "Servable not found for request: Latest(nope)"):
                await client.infer(base, {"instances": ROW.tolist()}, model_name="nope")


async def rest_v2(base: str) -> None:
    report = Report("kserve REST v2", "Open Inference HTTP")
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:

        async def infer(model: str, *inputs: InferInput):
            return await client.infer(base, request(model, *inputs), model_name=model)

        with report.feature("live and ready"):
            assert await client.is_server_live(base) is True
            assert await client.is_server_ready(base) is True
        with report.feature("a model's readiness"):
            assert await client.is_model_ready(base, "add") is True
            assert await client.is_model_ready(base, "nope") is False
        for binary, name in ((True, "infer, binary in"), (False, "infer, JSON both ways")):
            with report.feature(name):
                answer = await infer("add", tensor("x", ROW, "FP32", binary=binary))
                np.testing.assert_array_equal(answer.outputs[0].as_numpy(), ROW + 1)
                assert answer.id == "seven"
        await calls(report, infer, binary=False)
        with report.feature("errors of model and version"):
            with fails(httpx.HTTPStatusError, "Request for unknown model: 'nope' is not found"):
                await infer("nope", tensor("x", ROW, "FP32", binary=True))


async def over_grpc(address: str) -> None:
    report = Report("kserve gRPC", "Open Inference gRPC")
    async with InferenceGRPCClient(address) as client:

        async def infer(model: str, *inputs: InferInput):
            return await client.infer(request(model, *inputs))

        with report.feature("live and ready"):
            assert await client.is_server_live() is True
            assert await client.is_server_ready() is True
        with report.feature("a model's readiness"):
            assert await client.is_model_ready("add") is True
            assert await client.is_model_ready("nope") is False
        for binary, name in ((True, "infer, raw contents"), (False, "infer, typed contents")):
            with report.feature(name):
                answer = await infer("add", tensor("x", ROW, "FP32", binary=binary))
                np.testing.assert_array_equal(answer.outputs[0].as_numpy(), ROW + 1)
                assert (answer.id, answer.model_version) == ("seven", "1")
        await calls(report, infer, binary=True)
        with report.feature("errors of model and version"):
            with fails(grpc.RpcError, "Request for unknown model: 'nope' is not found"):
                await infer("nope", tensor("x", ROW, "FP32", binary=True))


async def calls(report: Report, infer, *, binary: bool) -> None:
    """What both protocols' clients must be able to do."""
    with report.feature("infer, strings"):
        words = np.array([[b"one", "둘".encode()]], object)
        answer = await infer("text", tensor("x", words, "BYTES", binary=binary))
        got = answer.outputs[0].as_numpy().ravel().tolist()
        assert [word if isinstance(word, str) else word.decode() for word in got] == ["one", "둘"]
    with report.feature("infer, several inputs and outputs"):
        a, b = np.float32([[5, 6, 7]]), np.float32([[1, 2, 3]])
        inputs = [tensor("b", b, "FP32", binary=binary), tensor("a", a, "FP32", binary=binary)]
        answer = await infer("pair", *inputs)
        outputs = {output.name: output.as_numpy() for output in answer.outputs}
        np.testing.assert_array_equal(outputs["total"], a + b)
        np.testing.assert_array_equal(outputs["difference"], a - b)


main(*sys.argv[1:])
