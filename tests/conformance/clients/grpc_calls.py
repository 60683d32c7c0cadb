"""Runs in the environment of ``tritonclient[grpc]``: the same calls to several servers.

    python grpc_calls.py ADDRESS... < calls.json > answers.json

Calls are ``[[method, [request, ...], token], ...]`` with requests in protobuf's JSON form, and
a bearer's token or none; for each there is one text for each address: the status and message, or what was answered.
"""

from __future__ import annotations

import json
import sys

import grpc
from google.protobuf import json_format
from tritonclient.grpc import service_pb2, service_pb2_grpc


def main(*addresses: str) -> None:
    calls = json.load(sys.stdin)
    stubs = [
        service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(address))
        for address in addresses
    ]
    json.dump(
        [[answer(stub, *call) for stub in stubs] for call in calls],
        sys.stdout,
    )


def answer(stub, method: str, requests: list[dict], token: str) -> list[object]:
    """``[code, details, [response, ...]]``."""
    service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    name = service.methods_by_name[method].input_type.name
    messages = [
        json_format.ParseDict(request, getattr(service_pb2, name)()) for request in requests
    ]
    options = {"timeout": 20, "metadata": [("authorization", f"Bearer {token}")] if token else []}
    responses: list[object] = []
    try:
        if method == "ModelStreamInfer":
            stream = stub.ModelStreamInfer(iter(messages), **options)
            responses.extend(as_dict(response) for response in stream)
        else:
            responses.append(as_dict(getattr(stub, method)(messages[0], **options)))
    except grpc.RpcError as error:
        return [error.code().name, error.details(), responses]
    return ["OK", "", responses]


def as_dict(message) -> dict:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


main(*sys.argv[1:])
