"""Runs where ``grpcio-reflection`` and ``grpcio-health-checking`` are: gRPC's own clients.

    python generic_grpc.py GRPC HTTP STORE

As ``grpcurl`` does: the messages come from the server, nothing is known before.
"""

from __future__ import annotations

import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from report import Report, fails

SERVICES = {
    "grpc.health.v1.Health",
    "inference.GRPCInferenceService",
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
}


def main(address: str, _http: str, _store: str) -> None:
    with grpc.insecure_channel(address) as channel:
        reflection(channel, Report("grpcio-reflection", "gRPC reflection"))
        health(channel, Report("grpcio-health-checking", "gRPC health"))


def reflection(channel: grpc.Channel, report: Report) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)

    def call(service: str, method: str, request: dict) -> dict:
        found = pool.FindServiceByName(service).FindMethodByName(method)
        kinds = GetMessageClass(found.input_type), GetMessageClass(found.output_type)
        answer = channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=kinds[0].SerializeToString,
            response_deserializer=kinds[1].FromString,
        )(json_format.ParseDict(request, kinds[0]()), timeout=20)
        return json_format.MessageToDict(answer, preserving_proto_field_name=True)

    with report.feature("the services' names"):
        assert set(database.get_services()) >= SERVICES
    with report.feature("a call of Open Inference, its messages from the server"):
        answer = call("inference.GRPCInferenceService", "ModelMetadata", {"name": "add"})
        assert answer["inputs"] == [{"name": "x", "datatype": "FP32", "shape": ["-1", "4"]}]
    with report.feature("a call of TF Serving, its messages from the server"):
        tensor = {
            "dtype": "DT_FLOAT",
            "tensor_shape": {"dim": [{"size": "1"}, {"size": "4"}]},
            "float_val": [1, 2, 3, 4],
        }
        request = {"model_spec": {"name": "add"}, "inputs": {"x": tensor}}
        answer = call("tensorflow.serving.PredictionService", "Predict", request)
        assert answer["outputs"]["y"]["dtype"] == "DT_FLOAT"
        assert answer["model_spec"]["version"] == "1"
    with report.feature("every method's messages"):
        for service in SERVICES:
            for method in pool.FindServiceByName(service).methods:
                GetMessageClass(method.input_type)()
                GetMessageClass(method.output_type)()
    with report.feature("an unknown service"), fails(KeyError, "nope.Nope"):
        pool.FindServiceByName("nope.Nope")


def health(channel: grpc.Channel, report: Report) -> None:
    stub = health_pb2_grpc.HealthStub(channel)
    serving = health_pb2.HealthCheckResponse.SERVING

    def check(service: str) -> int:
        return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20).status

    with report.feature("Check, the whole server"):
        assert check("") == serving
    with report.feature("Check, each service"):
        for service in SERVICES - {"grpc.health.v1.Health"}:
            assert check(service) == serving, service
    with report.feature("Check, an unknown service"):
        try:
            check("nope")
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.NOT_FOUND, error
        else:
            raise AssertionError("the call succeeded")
    with report.feature("Watch, the first state at once"):
        stream = stub.Watch(health_pb2.HealthCheckRequest(service=""), timeout=20)
        assert next(stream).status == serving
        stream.cancel()


main(*sys.argv[1:])
