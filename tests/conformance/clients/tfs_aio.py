"""Runs in the environment of ``tensorflow-serving-api``: its stubs on an asyncio channel.

python tfs_aio.py GRPC HTTP STORE
"""

from __future__ import annotations

import asyncio
import sys

import grpc
import numpy as np
import tensorflow as tf
from report import Report, fails
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

REPORT = Report("tensorflow-serving-api, aio", "TF Serving gRPC")
ROW = np.array([[1, 2, 3, 4]], np.float32)


async def main(address: str, _http: str, _store: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        await predict(prediction)
        await describe(prediction, model_service_pb2_grpc.ModelServiceStub(channel))


def request(model: str, rows: np.ndarray) -> predict_pb2.PredictRequest:
    made = predict_pb2.PredictRequest()
    made.model_spec.name = model
    made.inputs["x"].CopyFrom(tf.make_tensor_proto(rows))
    return made


async def predict(stub) -> None:
    with REPORT.feature("Predict, the usual version"):
        answer = await stub.Predict(request("scale", ROW), timeout=20)
        assert answer.model_spec.version.value == 2
    with REPORT.feature("Predict, several at the same time"):
        calls = [stub.Predict(request("add", ROW * number), timeout=20) for number in range(16)]
        for number, answer in enumerate(await asyncio.gather(*calls)):
            np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["y"]), ROW * number + 1)
    with REPORT.feature("Predict, a call that is cancelled disturbs no other"):
        left = stub.Predict(request("add", np.ones((50_000, 4), np.float32)), timeout=20)
        other = stub.Predict(request("add", ROW), timeout=20)
        left.cancel()
        np.testing.assert_array_equal(tf.make_ndarray((await other).outputs["y"]), ROW + 1)
        assert left.cancelled()
    with REPORT.feature("Predict, errors of model and version"):
        with fails(grpc.aio.AioRpcError, "Servable not found for request: Latest(nope)"):
            await stub.Predict(request("nope", ROW), timeout=20)


async def describe(stub, models) -> None:
    with REPORT.feature("Classify"):
        asked = classification_pb2.ClassificationRequest()
        asked.model_spec.name, asked.model_spec.signature_name = "judge", "classes"
        asked.input.example_list.examples.add().features.feature["x"].float_list.value.extend(
            [1, 2, 3, 4]
        )
        answer = await stub.Classify(asked, timeout=20)
        (row,) = answer.result.classifications
        assert [each.label for each in row.classes] == ["north", "east", "south", "west"]
    with REPORT.feature("GetModelMetadata"):
        asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        asked.model_spec.name = "add"
        answer = await stub.GetModelMetadata(asked, timeout=20)
        assert list(answer.metadata) == ["signature_def"]
    with REPORT.feature("GetModelStatus"):
        asked = get_model_status_pb2.GetModelStatusRequest()
        asked.model_spec.name = "scale"
        answer = await models.GetModelStatus(asked, timeout=20)
        assert sorted(each.version for each in answer.model_version_status) == [1, 2, 3]


asyncio.run(main(*sys.argv[1:]))
