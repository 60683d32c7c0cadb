"""Runs in the environment of ``tritonclient``, for its messages: Open Inference over gRPC-Web.

python web_triton.py GRPC HTTP STORE
"""

from __future__ import annotations

import struct
import sys

from report import Report
from tritonclient.grpc import service_pb2
from web_calls import Web

SERVICE = "/inference.GRPCInferenceService"


def main(address: str, _http: str, _store: str) -> None:
    for is_text, kind in ((False, "grpc-web+proto"), (True, "grpc-web-text")):
        calls(Report(kind, "gRPC-Web"), Web(address, is_text))


def request(model: str, number: int) -> service_pb2.ModelInferRequest:
    made = service_pb2.ModelInferRequest(model_name=model, id=str(number))
    made.inputs.add(name="x", datatype="FP32", shape=[1, 4])
    made.raw_input_contents.append(struct.pack("<4f", *[number] * 4))
    return made


def calls(report: Report, web: Web) -> None:
    with report.feature("Open Inference, ModelInfer"):
        answer = web.call(f"{SERVICE}/ModelInfer", [request("add", 1)])
        assert answer.trailers["grpc-status"] == "0", answer
        (message,) = answer.messages
        made = service_pb2.ModelInferResponse.FromString(message)
        assert struct.unpack("<4f", made.raw_output_contents[0]) == (2.0,) * 4
    with report.feature("Open Inference, errors"):
        answer = web.call(f"{SERVICE}/ModelInfer", [request("nope", 1)])
        assert answer.messages == []
        assert answer.trailers["grpc-status"] == "5", answer
        assert answer.trailers["grpc-message"] == "Request for unknown model: 'nope' is not found"
    with report.feature("Open Inference, ModelStreamInfer"):
        stream = [request(model, number) for number, model in enumerate(("add", "nope", "add"))]
        answer = web.call(f"{SERVICE}/ModelStreamInfer", stream)
        assert answer.trailers["grpc-status"] == "0", answer
        parts = map(service_pb2.ModelStreamInferResponse.FromString, answer.messages)
        found = [(part.infer_response.id, part.error_message) for part in parts]
        assert [number for number, _ in found] == ["0", "1", "2"], found
        assert [bool(error) for _, error in found] == [False, True, False], found


main(*sys.argv[1:])
