"""Parameters of requests: those that both servers have, and those that one has."""

from __future__ import annotations

from tests.conformance.grpc_cases import GrpcCase, call, request
from tests.conformance.grpc_cases import infer as grpc_infer
from tests.conformance.grpc_cases import tensor as grpc_tensor
from tests.conformance.http_cases import TOKEN, HttpCase, infer, tensor

_SEQUENCE = {"sequence_id": 1, "sequence_start": True, "sequence_end": True}
_REGION = {"shared_memory_region": "r", "shared_memory_byte_size": 16}
_KNOWS = {"Authorization": f"Bearer {TOKEN}"}
_LOAD = "/v2/repository/models/whole/load"


def _output(**parameters: object) -> list[object]:
    return [{"name": "y", "parameters": parameters}]


HTTP_PARAMETERS = [
    infer("a sequence", parameters=_SEQUENCE),
    *(infer(f"priority {value!r}", parameters={"priority": value}) for value in (1, 99, -1, "a")),
    *(infer(f"timeout {value!r}", parameters={"timeout": value})
      for value in (10_000_000, 1.5, "a")),
    infer("shared memory in", tensor(data=None, parameters=_REGION)),
    infer("shared memory out", outputs=_output(**_REGION)),
    *(infer(f"classes {value!r}", outputs=_output(classification=value)) for value in (0, 99, "a")),
    infer("binary_data is a text", outputs=_output(binary_data="a")),
    infer("binary_data_output is a text", parameters={"binary_data_output": "a"}),
    *(infer(f"an unknown parameter {value!r}", parameters={"strange": value})
      for value in ({"a": 1}, [1], None)),
    HttpCase("generate", "/v2/models/add/generate", "POST", b'{"x":[1,2,3,4]}'),
    HttpCase("index: ready is a text", "/v2/repository/index", "POST", b'{"ready":"a"}'),
    HttpCase("put infer", "/v2/models/add/infer", "PUT", b"{}"),
    *(HttpCase(f"load: {name}", _LOAD, "POST", body, _KNOWS) for name, body in (
        ("bad JSON", b"{"),
        ("files", b'{"parameters":{"file:1/model.onnx":"aaaa"}}'),
        ("an unknown parameter", b'{"parameters":{"strange":"a"}}'),
    )),
]  # fmt: skip


def _typed(value: object) -> dict[str, object]:
    """A parameter in protobuf's JSON form."""
    kind = {bool: "bool_param", int: "int64_param", str: "string_param"}[type(value)]
    return {kind: value}


def _all(parameters: dict[str, object]) -> dict[str, object]:
    return {name: _typed(value) for name, value in parameters.items()}


def _load(name: str, **parameter: object) -> GrpcCase:
    asked = {"model_name": "whole", "parameters": {"strange": parameter}}
    return GrpcCase(f"load: {name}", "RepositoryModelLoad", (asked,), TOKEN)


GRPC_PARAMETERS = [
    grpc_infer("a sequence", parameters=_all(_SEQUENCE)),
    grpc_infer("priority 1", parameters={"priority": {"uint64_param": 1}}),
    *(grpc_infer(f"{name} {value!r}", parameters=_all({name: value})) for name, value in (
        ("priority", 99), ("priority", "a"), ("timeout", 10_000_000), ("timeout", "a"),
        ("timeout", -1))),
    grpc_infer("shared memory in", grpc_tensor() | {"parameters": _all(_REGION)}),
    grpc_infer("shared memory out", outputs=_output(**_all(_REGION))),
    # Classes of a string output are not asked for: the real Triton dies of it.
    *(grpc_infer(f"classes {value!r}", outputs=_output(classification=_typed(value)))
      for value in (0, 99, "a")),
    grpc_infer("an unknown parameter of an output", outputs=_output(strange=_typed(1))),
    GrpcCase("stream: an empty final response wanted", "ModelStreamInfer", (
        request(parameters=_all({"triton_enable_empty_final_response": True})),)),
    call("index: of a repository", "RepositoryIndex", repository_name="nope"),
    _load("an unknown parameter", string_param="a"),
    GrpcCase("load: no name", "RepositoryModelLoad", ({},), TOKEN),
]  # fmt: skip
