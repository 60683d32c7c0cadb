"""Runs in the environment of ``tensorflow-serving-api``: PredictionService and ModelService.

    python tfs_grpc.py GRPC HTTP STORE

Uses nothing but the official stubs and TensorFlow's own tensor conversions.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf.wrappers_pb2 import Int64Value
from report import Report
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

REPORT = Report("tensorflow-serving-api", "TF Serving gRPC")
ROW = np.array([[1, 2, 3, 4]], np.float32)
KINDS = {
    "bool": tf.bool, "int8": tf.int8, "int16": tf.int16, "int32": tf.int32, "int64": tf.int64,
    "uint8": tf.uint8, "uint16": tf.uint16, "uint32": tf.uint32, "uint64": tf.uint64,
    "float16": tf.float16, "float32": tf.float32, "float64": tf.float64,
}  # fmt: skip


def main(address: str, _http: str, _store: str) -> None:
    with grpc.insecure_channel(address) as channel:
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        predict_versions(prediction)
        predict_tensors(prediction)
        predict_mistakes(prediction)
        metadata(prediction)
        status(models)


def request(model: str = "add", **spec) -> predict_pb2.PredictRequest:
    """A request for a model; *spec* are fields of its ModelSpec."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name = model
    if "version" in spec:
        spec["version"] = Int64Value(value=spec["version"])
    for name, value in spec.items():
        field = getattr(message.model_spec, name)
        if isinstance(value, Int64Value):
            field.CopyFrom(value)
        else:
            setattr(message.model_spec, name, value)
    return message


def with_inputs(message: predict_pb2.PredictRequest, **inputs) -> predict_pb2.PredictRequest:
    for name, array in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return message


@contextmanager
def refused(code: str, text: str):
    """The call must fail with this code, and *text* in its details."""
    try:
        yield
    except grpc.RpcError as error:
        assert error.code().name == code, f"{error.code()} {error.details()}"
        assert text in error.details(), error.details()
        return
    raise AssertionError("the call succeeded")


def predict_versions(stub) -> None:
    def scale(**spec) -> tuple[float, int]:
        answer = stub.Predict(with_inputs(request("scale", **spec), x=ROW), timeout=20)
        assert answer.model_spec.name == "scale"
        assert answer.model_spec.signature_name == "serving_default"
        return tf.make_ndarray(answer.outputs["y"])[0, 0], answer.model_spec.version.value

    with REPORT.feature("Predict, the usual version"):
        assert scale() == (2.0, 2)
    with REPORT.feature("Predict, a version by its number"):
        assert [scale(version=number) for number in (1, 2, 3)] == [(1.0, 1), (2.0, 2), (3.0, 3)]
    with REPORT.feature("Predict, a version by its label"):
        assert scale(version_label="stable") == (2.0, 2)
        assert scale(version_label="canary") == (3.0, 3)
        assert scale(version_label="old") == (1.0, 1)
    with REPORT.feature("Predict, a signature by its name"):
        assert scale(signature_name="serving_default") == (2.0, 2)


def predict_tensors(stub) -> None:
    with REPORT.feature("Predict, every dtype"):
        sent = {
            f"in_{kind}": tf.cast(tf.constant([[1, 0]]), dtype) for kind, dtype in KINDS.items()
        }
        arrays = {name: tensor.numpy() for name, tensor in sent.items()}
        arrays["in_bytes"] = np.array([["é", ""]], object)
        answer = stub.Predict(with_inputs(request("kinds"), **arrays), timeout=20)
        for kind in KINDS:
            output = tf.make_ndarray(answer.outputs[f"out_{kind}"])
            assert output.dtype == arrays[f"in_{kind}"].dtype, kind
            np.testing.assert_array_equal(output, arrays[f"in_{kind}"])
        assert tf.make_ndarray(answer.outputs["out_bytes"]).tolist() == [["é".encode(), b""]]
    with REPORT.feature("Predict, bfloat16"):
        brain = tf.cast(tf.constant([[1.5, -2.0, 0.0, 3.25]]), tf.bfloat16)
        answer = stub.Predict(with_inputs(request("brain"), x=brain.numpy()), timeout=20)
        output = tf.make_ndarray(answer.outputs["y"])
        assert output.dtype == tf.bfloat16.as_numpy_dtype
        np.testing.assert_array_equal(output, brain.numpy())
    with REPORT.feature("Predict, strings"):
        words = np.array([["one", "둘"], ["", "four"]], object)
        answer = stub.Predict(with_inputs(request("text"), x=words), timeout=20)
        got = tf.make_ndarray(answer.outputs["y"])
        assert [[word.decode() for word in row] for row in got] == words.tolist()
    with REPORT.feature("Predict, values in typed fields"):
        message = request()
        proto = tf.make_tensor_proto(ROW)
        proto.tensor_content = b""
        proto.float_val.extend([1, 2, 3, 4])
        message.inputs["x"].CopyFrom(proto)
        answer = stub.Predict(message, timeout=20)
        np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["y"]), ROW + 1)
    with REPORT.feature("Predict, several inputs and outputs"):
        three = np.float32([[5, 6, 7]])
        answer = stub.Predict(with_inputs(request("pair"), a=three, b=ROW[:, :3]), timeout=20)
        assert set(answer.outputs) == {"total", "difference"}
        assert tf.make_ndarray(answer.outputs["total"]).tolist() == [[6, 8, 10]]
    with REPORT.feature("Predict, output_filter"):
        message = with_inputs(request("pair"), a=three, b=ROW[:, :3])
        message.output_filter.append("difference")
        answer = stub.Predict(message, timeout=20)
        assert set(answer.outputs) == {"difference"}
    with REPORT.feature("Predict, a model without a batch axis"):
        table = np.arange(6, dtype=np.float32).reshape(2, 3)
        answer = stub.Predict(with_inputs(request("fixed"), x=table), timeout=20)
        np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["y"]), table + 1)
    with REPORT.feature("Predict, more rows than one run takes"):
        rows = np.arange(4000, dtype=np.float32).reshape(1000, 4)
        answer = stub.Predict(with_inputs(request(), x=rows), timeout=20)
        np.testing.assert_array_equal(tf.make_ndarray(answer.outputs["y"]), rows + 1)


def predict_mistakes(stub) -> None:
    def ask(message) -> None:
        stub.Predict(message, timeout=20)

    with REPORT.feature("Predict, errors of model and version"):
        with refused("NOT_FOUND", "Servable not found for request: Latest(nope)"):
            ask(with_inputs(request("nope"), x=ROW))
        with refused("NOT_FOUND", "Servable not found for request: Specific(add, 9)"):
            ask(with_inputs(request("add", version=9), x=ROW))
        with refused("INVALID_ARGUMENT", "Unrecognized servable version label: nope"):
            ask(with_inputs(request("scale", version_label="nope"), x=ROW))
        with refused("INVALID_ARGUMENT", "Missing ModelSpec"):
            ask(predict_pb2.PredictRequest())
        with refused("INVALID_ARGUMENT", "ModelSpec has no name specified."):
            ask(request(""))
    with REPORT.feature("Predict, errors of signature and tensors"):
        with refused("FAILED_PRECONDITION", 'Serving signature key "nope" not found.'):
            ask(with_inputs(request("add", signature_name="nope"), x=ROW))
        with refused("INVALID_ARGUMENT", "input size does not match signature"):
            ask(with_inputs(request(), x=ROW, z=ROW))
        with refused("INVALID_ARGUMENT", "Missing but required: {x}"):
            ask(with_inputs(request(), z=ROW))
        with refused("INVALID_ARGUMENT", ""):
            ask(with_inputs(request(), x=ROW.astype(np.int32)))
        with refused("INVALID_ARGUMENT", ""):
            ask(with_inputs(request(), x=ROW[:, :3]))
    with REPORT.feature("Predict, errors of output_filter"):
        message = with_inputs(request(), x=ROW)
        message.output_filter.append("q")
        with refused("INVALID_ARGUMENT", "output tensor alias not found in signature: q"):
            ask(message)
        message.output_filter[:] = ["y", "y"]
        with refused("INVALID_ARGUMENT", "duplicate output tensor alias: y"):
            ask(message)


def metadata(stub) -> None:
    def ask(model: str, *fields: str):
        message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
        message.model_spec.name = model
        return stub.GetModelMetadata(message, timeout=20)

    with REPORT.feature("GetModelMetadata"):
        answer = ask("pair", "signature_def")
        signatures = get_model_metadata_pb2.SignatureDefMap()
        assert answer.metadata["signature_def"].Unpack(signatures)
        signature = signatures.signature_def["serving_default"]
        assert set(signature.inputs) == {"a", "b"}
        assert set(signature.outputs) == {"total", "difference"}
        info = signature.inputs["a"]
        assert tf.dtypes.as_dtype(info.dtype) == tf.float32
        assert [axis.size for axis in info.tensor_shape.dim] == [-1, 3]
        assert signature.method_name == "tensorflow/serving/predict"
        assert answer.model_spec.version.value == 1
    with REPORT.feature("GetModelMetadata, errors"):
        with refused("INVALID_ARGUMENT", "must specify at least one metadata_field"):
            ask("pair")
        with refused("INVALID_ARGUMENT", "Metadata field nope is not supported"):
            ask("pair", "nope")
        with refused("NOT_FOUND", "Servable not found for request: Latest(nope)"):
            ask("nope", "signature_def")


def status(stub) -> None:
    def ask(model: str, **spec) -> list[tuple[int, str]]:
        message = get_model_status_pb2.GetModelStatusRequest()
        message.model_spec.CopyFrom(request(model, **spec).model_spec)
        answer = stub.GetModelStatus(message, timeout=20)
        state = get_model_status_pb2.ModelVersionStatus.State
        return sorted(
            (each.version, state.Name(each.state)) for each in answer.model_version_status
        )

    with REPORT.feature("GetModelStatus"):
        assert ask("scale") == [(1, "AVAILABLE"), (2, "AVAILABLE"), (3, "AVAILABLE")]
        assert ask("scale", version=2) == [(2, "AVAILABLE")]
    with REPORT.feature("GetModelStatus, errors"):
        with refused("NOT_FOUND", "Could not find any versions of model nope"):
            ask("nope")
        with refused("NOT_FOUND", "Could not find version 9 of model add"):
            ask("add", version=9)


main(*sys.argv[1:])
