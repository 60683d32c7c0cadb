"""The OpenAPI 3.1 document of everything that is asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from serving.api.openapi_schemas import SCHEMAS, ref

_JSON = "application/json"
_TEXT = "text/plain"
_BINARY = "application/octet-stream"
_JSON_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked.

    Attributes:
        path: With the names of its parameters in braces.
        summary: What it does.
        answer: Name of the answer's schema; empty for a text.
        body: Name of the request's schema; empty for a GET.
        is_body_required: Whether an empty body is a mistake.
        answer_type: The media type of the answer.
        is_binary: Whether tensors may follow the JSON as bytes, both ways.
        others: More statuses that are answered as the error is not, with their schema.
    """

    path: str
    summary: str
    answer: str = ""
    body: str = ""
    is_body_required: bool = True
    answer_type: str = _JSON
    is_binary: bool = False
    others: Mapping[str, str] = field(default_factory=dict)


_TFS_TARGETS = ("", "/versions/{version}", "/labels/{label}")
_OIP_TARGETS = ("", "/versions/{version}")


def operations() -> Iterator[Operation]:
    """Everything that can be asked, in the document's order."""
    yield Operation("/healthz", "Whether the process lives", answer_type=_TEXT)
    yield Operation(
        "/readyz", "Whether every model can be called", answer_type=_TEXT, others={"503": ""}
    )
    yield Operation("/metrics", "For Prometheus", answer_type=_TEXT)
    yield Operation(
        "/monitoring/prometheus/metrics", "The same, where TF Serving has it", answer_type=_TEXT
    )
    for target in _TFS_TARGETS:
        yield from _tf_serving(f"/v1/models/{{model}}{target}")
    yield Operation("/v2/health/live", "Whether the process lives", "Live")
    yield Operation(
        "/v2/health/ready", "Whether every model can be called", "Ready", others={"400": "Ready"}
    )
    yield Operation("/v2", "Who answers", "ServerMetadata")
    yield Operation("/v2/models/stats", "What all models have done", "Statistics")
    for target in _OIP_TARGETS:
        yield from _open_inference(f"/v2/models/{{model}}{target}")
    yield Operation(
        "/v2/repository/index", "All versions, and their state",
        "Index", "IndexRequest", is_body_required=False,
    )  # fmt: skip
    for verb in ("load", "unload"):
        yield Operation(
            f"/v2/repository/models/{{model}}/{verb}", f"{verb.capitalize()} a model of the store",
            "Done", "ControlRequest", is_body_required=False,
        )  # fmt: skip
    yield from _shared_memory("/v2/systemsharedmemory")


def _tf_serving(target: str) -> Iterator[Operation]:
    yield Operation(target, "The states of a model's versions", "ModelStatus")
    yield Operation(f"{target}/metadata", "A model's signatures", "ModelSignatures")
    yield Operation(f"{target}:predict", "Run a model", "PredictResponse", "PredictRequest")
    yield Operation(f"{target}:classify", "Classes", "ClassifyResponse", "ExamplesRequest")
    yield Operation(f"{target}:regress", "Numbers", "RegressResponse", "ExamplesRequest")


def _open_inference(target: str) -> Iterator[Operation]:
    yield Operation(target, "A model's tensors", "ModelMetadata")
    yield Operation(f"{target}/ready", "Whether a model can be called", "ModelReady")
    yield Operation(f"{target}/config", "A model's configuration", "ModelConfig")
    yield Operation(f"{target}/stats", "What a model has done", "Statistics")
    yield Operation(
        f"{target}/infer", "Run a model", "InferResponse", "InferRequest", is_binary=True
    )


def _shared_memory(root: str) -> Iterator[Operation]:
    one = f"{root}/region/{{region}}"
    yield Operation(f"{root}/status", "The registered regions of shared memory", "Regions")
    yield Operation(
        f"{root}/unregister", "Forget all of them", "Done", "Empty", is_body_required=False
    )
    yield Operation(f"{one}/status", "One of them", "Regions")
    yield Operation(
        f"{one}/register", "Let calls use shared memory by this name", "Done", "RegisterRequest"
    )
    yield Operation(f"{one}/unregister", "Forget it", "Done", "Empty", is_body_required=False)


def document() -> dict[str, Any]:
    """The whole document, ready for JSON."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "easel serve",
            "version": version("easel"),
            "description": "TF Serving's REST API under /v1 and Open Inference under /v2.",
        },
        "paths": {
            each.path: {("post" if each.body else "get"): _describe(each)} for each in operations()
        },
        "components": {"schemas": SCHEMAS},
    }


def _describe(operation: Operation) -> dict[str, Any]:
    statuses = {
        status: _content("Not so", name, operation.answer_type)
        for status, name in operation.others.items()
    }
    described: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": [_parameter(part) for part in _names(operation.path)],
        "responses": {
            "200": _content("Answered", operation.answer, operation.answer_type),
            "4XX": _content("The caller's mistake", "Error", _JSON),
            "5XX": _content("Not now, or not in time", "Error", _JSON),
            **statuses,
        },
    }
    if operation.body:
        described["requestBody"] = {
            "required": operation.is_body_required,
            "content": {_JSON: {"schema": ref(operation.body)}},
        }
    if operation.is_binary:
        _add_binary(described)
    return described


def _add_binary(described: dict[str, Any]) -> None:
    """Open Inference's binary tensors: JSON of a length told in a header, then bytes."""
    length = {"description": "How much of the body is JSON.", "schema": {"type": "integer"}}
    described["parameters"].append({"name": _JSON_LENGTH, "in": "header", **length})
    described["requestBody"]["content"][_BINARY] = {}
    answer = described["responses"]["200"]
    answer["content"][_BINARY] = {}
    answer["headers"] = {_JSON_LENGTH: length}


def _content(description: str, name: str, kind: str) -> dict[str, Any]:
    schema = ref(name) if name else {"type": "string"}
    return {"description": description, "content": {kind: {"schema": schema}}}


def _names(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def _parameter(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    if name == "version":
        schema = {"type": "integer", "minimum": 1}
    examples = {"model": "numbers", "version": 1, "label": "stable", "region": "pictures"}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": schema,
        "example": examples[name],
    }
