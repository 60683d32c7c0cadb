"""Runs in the environment of ``tensorflow-serving-api``, for its messages: over gRPC-Web.

python web_tfs.py GRPC HTTP STORE
"""

from __future__ import annotations

import sys

import tensorflow as tf
from grpc_health.v1 import health_pb2
from report import Report
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2
from web_calls import Web, b64_parts, parse

APIS = "/tensorflow.serving"


def main(address: str, _http: str, _store: str) -> None:
    for is_text, kind in ((False, "grpc-web+proto"), (True, "grpc-web-text")):
        report, web = Report(kind, "gRPC-Web"), Web(address, is_text)
        calls(report, web)
        watch(report, web)


def calls(report: Report, web: Web) -> None:
    with report.feature("TF Serving, Predict"):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "add"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0, 2.0, 3.0, 4.0]]))
        answer = web.call(f"{APIS}.PredictionService/Predict", [request])
        assert answer.trailers["grpc-status"] == "0", answer
        made = predict_pb2.PredictResponse.FromString(answer.messages[0])
        assert tf.make_ndarray(made.outputs["y"]).tolist() == [[2.0, 3.0, 4.0, 5.0]]
    with report.feature("TF Serving, errors"):
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "nope"
        answer = web.call(f"{APIS}.ModelService/GetModelStatus", [request])
        assert answer.trailers["grpc-status"] == "5", answer
        assert "Could not find any versions of model nope" in answer.trailers["grpc-message"]


def watch(report: Report, web: Web) -> None:
    with report.feature("health, Watch's first state at once"):
        request = health_pb2.HealthCheckRequest(service="")
        connection, response = web.begin("/grpc.health.v1.Health/Watch", [request])
        # A frame of two bytes: five before them, and 12 characters as text.
        body = b64_parts(response.read(12)) if web.is_text else response.read(7)
        connection.close()
        made = health_pb2.HealthCheckResponse.FromString(parse(body).messages[0])
        assert made.status == health_pb2.HealthCheckResponse.SERVING


main(*sys.argv[1:])
