"""Runs in the environment of ``tensorflow-serving-api``: what takes tf.Examples.

python tfs_examples.py GRPC HTTP STORE
"""

from __future__ import annotations

import sys
from contextlib import contextmanager

import grpc
import requests
import tensorflow as tf
from report import Report
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

REPORT = Report("tensorflow-serving-api", "TF Serving gRPC")
REST = Report("requests", "TF Serving REST")
ROWS = [[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]
CLASSES = ["north", "east", "south", "west"]
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def main(address: str, http: str, _store: str) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        classify(stub)
        regress(stub)
        several(stub)
        mistakes(stub)
    over_rest(f"http://{http}/v1/models/judge")


def example(row: list[float]) -> tf.train.Example:
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=row))
    return tf.train.Example(features=tf.train.Features(feature={"x": feature}))


def filled(request, signature: str, *, model: str = "judge"):
    """The request with its model, and two rows."""
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    request.input.example_list.examples.extend(map(example, ROWS))
    return request


@contextmanager
def refused(code: str, text: str):
    try:
        yield
    except grpc.RpcError as error:
        assert error.code().name == code, error
        assert text in error.details(), error.details()
        return
    raise AssertionError("the call succeeded")


def check_classes(result) -> None:
    found = [[(each.label, each.score) for each in row.classes] for row in result.classifications]
    assert found == [
        [(name, 2 * value) for name, value in zip(CLASSES, row, strict=True)] for row in ROWS
    ]


def check_numbers(result) -> None:
    assert [each.value for each in result.regressions] == [10.0, 10.0]


def classify(stub) -> None:
    with REPORT.feature("Classify"):
        request = filled(classification_pb2.ClassificationRequest(), "classes")
        answer = stub.Classify(request, timeout=20)
        check_classes(answer.result)
        assert (answer.model_spec.name, answer.model_spec.version.value) == ("judge", 1)
    with REPORT.feature("Classify, examples with a context"):
        request = classification_pb2.ClassificationRequest()
        request.model_spec.name, request.model_spec.signature_name = "judge", "classes"
        given = request.input.example_list_with_context
        given.context.CopyFrom(example(ROWS[0]))
        given.examples.extend([tf.train.Example(), example(ROWS[1])])
        check_classes(stub.Classify(request, timeout=20).result)


def regress(stub) -> None:
    with REPORT.feature("Regress"):
        answer = stub.Regress(filled(regression_pb2.RegressionRequest(), "number"), timeout=20)
        check_numbers(answer.result)


def several(stub) -> None:
    with REPORT.feature("MultiInference"):
        request = inference_pb2.MultiInferenceRequest()
        for signature, method in (("classes", CLASSIFY), ("number", REGRESS)):
            task = request.tasks.add(method_name=method)
            task.model_spec.name, task.model_spec.signature_name = "judge", signature
        request.input.example_list.examples.extend(map(example, ROWS))
        first, second = stub.MultiInference(request, timeout=20).results
        check_classes(first.classification_result)
        check_numbers(second.regression_result)


def mistakes(stub) -> None:
    with REPORT.feature("Classify and Regress, errors"):
        with refused("INVALID_ARGUMENT", "Expected classification signature method_name"):
            request = filled(classification_pb2.ClassificationRequest(), "serving_default")
            stub.Classify(request, timeout=20)
        with refused("NOT_FOUND", "Servable not found for request: Latest(nope)"):
            request = filled(regression_pb2.RegressionRequest(), "number", model="nope")
            stub.Regress(request, timeout=20)
        with refused("INVALID_ARGUMENT", "Input is empty"):
            request = filled(regression_pb2.RegressionRequest(), "number")
            request.input.Clear()
            stub.Regress(request, timeout=20)


def over_rest(model: str) -> None:
    examples = [{"x": row} for row in ROWS]

    def post(method: str, body: object) -> dict:
        answer = requests.post(f"{model}:{method}", json=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    with REST.feature("classify"):
        answer = post("classify", {"signature_name": "classes", "examples": examples})
        assert answer == {
            "results": [
                [[name, 2 * value] for name, value in zip(CLASSES, row, strict=True)]
                for row in ROWS
            ]
        }
    with REST.feature("classify, a context for all examples"):
        body = {"signature_name": "classes", "context": examples[0], "examples": [{}, examples[1]]}
        assert len(post("classify", body)["results"]) == 2
    with REST.feature("regress"):
        answer = post("regress", {"signature_name": "number", "examples": examples})
        assert answer == {"results": [10.0, 10.0]}


main(*sys.argv[1:])
