"""The OpenAPI 3.1 document, made of the operations and types that requests are validated by.

Only what these do not say is written here: what a failure means, and how an address, a
header or a picture is sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.metadata import version

import msgspec

from adapter.http import openapi_parts as parts
from adapter.http.answers import Failure
from adapter.http.openapi_parts import Json
from adapter.http.operations import NoOptions, Operation, Service, Takes

_REFERENCE = "#/components/schemas/{name}"
_PART = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_ABOUT = """\
Pictures in, what they show out; words in, speech out.

Send a picture as JSON (`base64_drawing`: a data URL or bare base64), as a form with a file,
or as the body itself. Every failure is one JSON shape: `error.message` says to developers
what to do, `msg` to people, in English or Korean as `Accept-Language` asks.
"""
_WITH_A_KEY = """
A key is needed for most of it, and this document names the models of the store to those who
send one that may ask them; `GET /api/models` does too.
"""


def document(
    services: Iterable[Service], scopes: Collection[str], *, has_keys: bool, root: str = "/"
) -> Json:
    """The document of *services* as they are now.

    Args:
        services: What is offered.
        scopes: What the reader may do: the models of the store are named to those who may ask them.
        has_keys: Whether callers must say who they are.
        root: Where the application is mounted.
    """
    listed = [(service, each) for service in services for each in _expanded(service, scopes)]
    schemas = _Schemas([operation for _, operation in listed])
    paths: dict[str, Json] = {}
    for service, operation in listed:
        item = paths.setdefault(_PART.sub(r"{\1}", operation.path), {})
        item[operation.method.lower()] = _described(operation, service, schemas, has_keys=has_keys)
        if operation.takes is Takes.PICTURE:
            item.setdefault("get", parts.use_post(operation.name, service.name))
    about = _ABOUT + _WITH_A_KEY if has_keys else _ABOUT
    components: Json = {
        "schemas": schemas.components,
        "responses": parts.FAILURES,
        "headers": parts.HEADERS,
        "parameters": parts.PARAMETERS,
    }
    if has_keys:
        components["securitySchemes"] = parts.SECURITY_SCHEMES
    return {
        "openapi": "3.1.0",
        "info": {"title": "Easel", "version": version("easel"), "description": about},
        "servers": [{"url": root}],
        "tags": [{"name": name} for name in dict.fromkeys(each.name for each, _ in listed)],
        "paths": paths,
        "components": components,
    }


def _expanded(service: Service, scopes: Collection[str]) -> Iterator[Operation]:
    for operation in service.operations:
        yield operation
        if operation.scope is None or operation.scope in scopes:
            yield from operation.instances()


class _Schemas:
    """The schemas of every type that an operation knows, made together: names stay unique."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        kinds: dict[type[msgspec.Struct], None] = {Failure: None}
        for each in operations:
            mentioned = (each.answer, each.options, *each.otherwise.values())
            kinds |= {kind: None for kind in mentioned if kind not in (None, NoOptions)}
        found, self.components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
        self._references = dict(zip(kinds, found, strict=True))

    def reference(self, kind: type[msgspec.Struct]) -> Json:
        """``{"$ref": ...}`` to *kind*."""
        return self._references[kind]

    def fields(self, kind: type[msgspec.Struct]) -> tuple[Json, list[str]]:
        """The schema of each field of *kind*, and the names of those that must be there."""
        if kind is NoOptions:
            return {}, []
        schema = self.components[self._references[kind]["$ref"].rpartition("/")[2]]
        return schema["properties"], schema["required"]


def _described(
    operation: Operation, service: Service, schemas: _Schemas, *, has_keys: bool
) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [service.name],
        "parameters": [*_path_parameters(operation), *_options(operation, schemas)],
        "responses": _responses(operation, schemas),
    }
    fields, required = schemas.fields(operation.options)
    if operation.takes is Takes.PICTURE:
        described["requestBody"] = parts.picture_body(fields, required)
    elif operation.takes is Takes.JSON:
        described["requestBody"] = parts.json_body(schemas.reference(operation.options))
    if operation.scope is not None:
        described["parameters"] += parts.COMMON_PARAMETERS
        if has_keys:
            described["security"] = parts.any_key_of(operation.scope)
    return described


def _path_parameters(operation: Operation) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PART.findall(operation.path)
    ]


def _options(operation: Operation, schemas: _Schemas) -> list[Json]:
    """Options that stand in the address; those of a picture may stand in the body as well."""
    if operation.takes is Takes.JSON:
        return []
    fields, required = schemas.fields(operation.options)
    return [
        {
            "name": name,
            "in": "query",
            "required": operation.takes is Takes.QUERY and name in required,
            "schema": schema,
        }
        for name, schema in fields.items()
    ]


def _responses(operation: Operation, schemas: _Schemas) -> Mapping[str, Json]:
    content: Json = {media: {"schema": parts.BYTES} for media in operation.media}
    if operation.answer is not None:
        good: Json = {"schema": schemas.reference(operation.answer)}
        if operation.example is not None:
            good["example"] = msgspec.to_builtins(operation.example)
        content = {parts.JSON: good} | content
    responses: Json = {"200": parts.response("As asked.", content)}
    for status in parts.STATUSES:
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    for status, kind in operation.otherwise.items():
        content = {parts.JSON: {"schema": schemas.reference(kind)}}
        responses[str(status)] = parts.response(parts.MEANINGS[status], content)
    return responses
