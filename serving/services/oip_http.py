"""Open Inference over HTTP: every path under /v2, in Triton's words.

A client's mistake is 400 with what to mend, also where Triton answers 500.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from serving.api import oip_binary
from serving.api.calls import ModelRef
from serving.api.json_text import dump_json
from serving.api.oip_regions import decode_register_request, describe_regions
from serving.api.oip_repository import decode_index_request, decode_load_request
from serving.api.oip_requests import decode_model_ref
from serving.api.regions import SharedMemory
from serving.crew.crew import Alone, Crew
from serving.engine.engine import Engine
from serving.services import oip_models as models
from serving.services.control import ModelControl
from serving.services.http import HttpApi, HttpRequest, HttpResponse
from serving.services.methods import Call
from serving.services.oip_absent import not_found
from serving.services.oip_regions import Sharing, register, unregister
from serving.services.oip_repository import load_model, repository_index, unload_model
from serving.services.oip_statistics import statistics

_NOBODY = ModelControl()
_BINARY = b"application/octet-stream"


class _Asked(NamedTuple):
    """A request, and what its path names: a model at most."""

    engine: Engine
    crew: Crew
    control: ModelControl
    sharing: Sharing
    request: HttpRequest
    call: Call
    ref: ModelRef


@dataclass(frozen=True, slots=True)
class _Route:
    """What answers a path, and by which method it is called."""

    method: str
    answer: Callable[[_Asked], Awaitable[HttpResponse]]


def oip_http(
    engine: Engine,
    control: ModelControl = _NOBODY,
    crew: Crew | None = None,
    sharing: Sharing | None = None,
) -> HttpApi:
    """The API of /v2.

    Args:
        engine: Runs the models.
        control: Who may load models.
        crew: Answers for the models' state, and loads them.
        sharing: The memory that is shared with callers; none where it is left out.
    """
    everybody, shared = crew or Alone(engine), sharing or Sharing()

    async def answer(request: HttpRequest, call: Call) -> HttpResponse:
        route, name, version = _find_route(request.path)
        if route is None:
            return _json({"error": not_found(_parts(request.path))}, 404)
        if request.method != route.method:
            return _other_method(route, request.method)
        ref = decode_model_ref(name, version)
        return await route.answer(_Asked(engine, everybody, control, shared, request, call, ref))

    return answer


def runs_model(path: str) -> bool:
    """Whether a POST to *path* runs a model."""
    route = _find_route(path)[0]
    return route is not None and route.answer is _infer


@lru_cache(maxsize=128)
def _find_route(path: str) -> tuple[_Route | None, str, str]:
    """The route of a path, and the model (or region) and version in it."""
    parts = _parts(path)
    key, name, version = "/".join(parts), "", ""
    match parts:
        case ["models", "stats"]:  # Triton's, of all models
            pass
        case ["models", name, "versions", version, *verb] if len(verb) < 2:
            key = "/".join(["model", *verb])
        case ["models", name, *verb] if len(verb) < 2:
            key = "/".join(["model", *verb])
        case ["repository", "models", name, verb]:
            key = f"repository/model/{verb}"
        case ["systemsharedmemory", "region", name, verb]:
            key = f"systemsharedmemory/region/{verb}"
    # A slash at the end is another path, and /v2/ is not /v2.
    return None if path.endswith("/") else _ROUTES.get(key), name, version


def _parts(path: str) -> list[str]:
    """A path's parts after ``/v2/``."""
    return path.split("/")[2:]


def _other_method(route: _Route, method: str) -> HttpResponse:
    allowed = b"GET, HEAD, OPTIONS" if route.method == "GET" else b"POST, OPTIONS"
    headers = ((b"allow", allowed),)
    if method == "OPTIONS":
        return HttpResponse(b"", 204, headers=headers)
    return HttpResponse(dump_json({"error": "Method Not Allowed"}), 405, headers=headers)


def _json(value: object, status: int = 200) -> HttpResponse:
    return HttpResponse(dump_json(value), status)


async def _live(asked: _Asked) -> HttpResponse:
    return _json({"live": True})


async def _ready(asked: _Asked) -> HttpResponse:
    is_ready = await asked.crew.is_ready()
    return _json({"ready": is_ready}, 200 if is_ready else 400)


async def _server(asked: _Asked) -> HttpResponse:
    return _json(models.server_metadata(asked.sharing))


async def _metadata(asked: _Asked) -> HttpResponse:
    return _json(models.model_metadata(asked.engine, asked.ref))


async def _model_ready(asked: _Asked) -> HttpResponse:
    if not await asked.crew.has(asked.ref):
        return _json({"error": "Model version not ready"}, 400)
    return _json({"name": asked.ref.name, "ready": True})


async def _config(asked: _Asked) -> HttpResponse:
    return _json(models.model_config(asked.engine, asked.ref))


async def _statistics(asked: _Asked) -> HttpResponse:
    return _json(await statistics(asked.engine, asked.crew, asked.ref))


async def _index(asked: _Asked) -> HttpResponse:
    only_ready = decode_index_request(asked.request.body)
    entries = await repository_index(asked.crew, only_ready=only_ready)
    return _json(entries)


async def _load(asked: _Asked) -> HttpResponse:
    parameters = decode_load_request(asked.request.body)
    await load_model(asked.crew, asked.control, asked.call, asked.ref.name, parameters)
    return _json({})


async def _unload(asked: _Asked) -> HttpResponse:
    decode_load_request(asked.request.body)
    await unload_model(asked.crew, asked.control, asked.call, asked.ref.name)
    return _json({})


async def _regions(asked: _Asked) -> HttpResponse:
    return _json(describe_regions(asked.sharing.listed(asked.ref.name)))


async def _register(asked: _Asked) -> HttpResponse:
    region = decode_register_request(asked.request.body, asked.ref.name)
    await register(asked.sharing, asked.crew, region)
    return _json({})


async def _unregister(asked: _Asked) -> HttpResponse:
    await unregister(asked.sharing, asked.crew, asked.ref.name)
    return _json({})


async def _infer(asked: _Asked) -> HttpResponse:
    with asked.sharing.for_call() as memory:
        return await _infer_with(asked, memory)


async def _infer_with(asked: _Asked, memory: SharedMemory) -> HttpResponse:
    engine, request, ref = asked.engine, asked.request, asked.ref
    asked.call.asked = ref
    servable = models.find(engine, ref)
    body = request.body
    length = oip_binary.decode_header_length(
        request.headers.get(oip_binary.LENGTH_HEADER), len(body)
    )
    if length == 0:
        infer = oip_binary.decode_raw_request(body, models.signature_of(servable), ref)
    else:
        infer = oip_binary.decode_infer_request(body, length, ref, memory)
    answer = await models.infer(engine, servable, infer.prediction, infer.options, asked.call)
    data, json_length = oip_binary.encode_infer_response(answer, infer, memory)
    if json_length is None:
        return HttpResponse(data)
    header = (oip_binary.LENGTH_HEADER, str(json_length).encode())
    return HttpResponse(data, content_type=_BINARY, headers=(header,))


_ROUTES: Mapping[str, _Route] = {
    "": _Route("GET", _server),
    "health/live": _Route("GET", _live),
    "health/ready": _Route("GET", _ready),
    "model": _Route("GET", _metadata),
    "model/config": _Route("GET", _config),
    "model/infer": _Route("POST", _infer),
    "model/ready": _Route("GET", _model_ready),
    "model/stats": _Route("GET", _statistics),
    "models/stats": _Route("GET", _statistics),
    "repository/index": _Route("POST", _index),
    "repository/model/load": _Route("POST", _load),
    "repository/model/unload": _Route("POST", _unload),
    "systemsharedmemory/status": _Route("GET", _regions),
    "systemsharedmemory/unregister": _Route("POST", _unregister),
    "systemsharedmemory/region/status": _Route("GET", _regions),
    "systemsharedmemory/region/register": _Route("POST", _register),
    "systemsharedmemory/region/unregister": _Route("POST", _unregister),
}
