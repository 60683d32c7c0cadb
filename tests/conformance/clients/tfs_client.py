"""Runs in the environment of ``tensorflow-serving-api``: calls a server, prints JSON.

    python tfs_client.py ADDRESS INPUT.npz

Uses nothing but the official client and TensorFlow's own tensor conversions.
"""

from __future__ import annotations

import json
import sys

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


def main(address: str, path: str) -> None:
    images = np.load(path)["image"]
    with grpc.insecure_channel(address) as channel:
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        result = {
            "predict": predict(prediction, images),
            "predict_version": predict(prediction, images, version=1),
            "metadata": metadata(prediction),
            "states": states(models),
            "unknown": unknown(prediction, images),
        }
    print(json.dumps(result))


def request(images: np.ndarray, name: str = "numbers") -> predict_pb2.PredictRequest:
    message = predict_pb2.PredictRequest()
    message.model_spec.name = name
    message.model_spec.signature_name = "serving_default"
    message.inputs["image"].CopyFrom(tf.make_tensor_proto(images))
    return message


def predict(stub, images: np.ndarray, version: int | None = None) -> dict[str, object]:
    message = request(images)
    if version is not None:
        message.model_spec.version.value = version
    response = stub.Predict(message, timeout=20)
    return {
        "scores": tf.make_ndarray(response.outputs["scores"]).tolist(),
        "version": response.model_spec.version.value,
    }


def metadata(stub) -> dict[str, object]:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "numbers"
    response = stub.GetModelMetadata(message, timeout=20)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    signature = signatures.signature_def["serving_default"]
    return {
        "inputs": {
            name: tf.dtypes.as_dtype(info.dtype).name for name, info in signature.inputs.items()
        },
        "outputs": {
            name: tf.dtypes.as_dtype(info.dtype).name for name, info in signature.outputs.items()
        },
    }


def states(stub) -> list[tuple[int, str]]:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = "numbers"
    response = stub.GetModelStatus(message, timeout=20)
    state = get_model_status_pb2.ModelVersionStatus.State
    return [(each.version, state.Name(each.state)) for each in response.model_version_status]


def unknown(stub, images: np.ndarray) -> tuple[str, str]:
    try:
        stub.Predict(request(images, "nope"), timeout=20)
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", ""


main(*sys.argv[1:])
