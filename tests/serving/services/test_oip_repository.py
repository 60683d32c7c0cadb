"""The store as Triton's repository: listed for everybody, changed by who knows the token."""

from __future__ import annotations

import asyncio
import json

import pytest

from model_store.errors import InvalidRequest, PermissionDenied, ServableNotFound, Unauthenticated
from model_store.store import Store
from serving.api import oip
from serving.api.protos import inference_pb2 as pb
from serving.engine.engine import Engine
from serving.engine.servable import LoadOptions
from serving.services.control import ModelControl
from serving.services.http import HttpRequest, HttpResponse
from serving.services.methods import Call
from serving.services.oip import oip_methods
from serving.services.oip_http import oip_http
from tests.support import publish_linear

X = {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}
INFER = "/v2/models/double/infer"
DOUBLE = {"name": "double", "version": "1", "state": "READY"}
KNOWS = {b"authorization": b"Bearer secret"}


@pytest.fixture
async def engine(tmp_path):
    publish_linear(tmp_path, factor=2)
    engine = Engine(Store(tmp_path), LoadOptions())
    await engine.load_all()
    yield engine
    engine.close()


@pytest.fixture
def ask(engine):
    api = oip_http(engine)

    async def ask(method: str, path: str, body=b"", call: Call | None = None, **headers: str):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {k.replace("_", "-").encode(): v.encode() for k, v in headers.items()}
        return await api(HttpRequest(method, path, {}, named, data), call or Call())

    return ask


async def listed(ask) -> dict[str, str]:
    """The index' only entry."""
    (entry,) = value(await ask("POST", "/v2/repository/index"))
    return entry


def value(response: HttpResponse):
    return json.loads(response.body)


async def test_the_index_lists_every_version_and_why_it_is_not_served(ask, engine, tmp_path):
    bad = publish_linear(tmp_path, "bad")
    (Store(tmp_path).folder(bad) / "model.onnx").write_bytes(b"damaged")
    await engine.look()
    first, second = value(await ask("POST", "/v2/repository/index"))
    assert (first["name"], first["version"], first["state"]) == ("bad", "1", "UNAVAILABLE")
    assert "was altered" in first["reason"]
    assert second == DOUBLE
    assert value(await ask("POST", "/v2/repository/index", {"ready": True})) == [second]


@pytest.mark.parametrize("body", [[], {"ready": "yes"}, b"{"])
async def test_an_index_request_that_is_none_is_refused(ask, body):
    with pytest.raises(InvalidRequest):
        await ask("POST", "/v2/repository/index", body)


@pytest.fixture
def controlled(engine):
    """Load or unload, over HTTP or gRPC, as somebody who knows the token or not."""
    control = ModelControl(b"secret")
    api, methods = oip_http(engine, control), oip_methods(engine, control)

    async def over_http(verb: str, name: str, call: Call) -> None:
        path = f"/v2/repository/models/{name}/{verb}"
        assert (await api(HttpRequest("POST", path), call)).status == 200

    async def over_grpc(verb: str, name: str, call: Call) -> None:
        kind = pb.RepositoryModelLoadRequest if verb == "load" else pb.RepositoryModelUnloadRequest
        path = oip.REPOSITORY_MODEL_LOAD if verb == "load" else oip.REPOSITORY_MODEL_UNLOAD
        await methods[path].handle(kind(model_name=name).SerializeToString(), call)

    return {"http": over_http, "grpc": over_grpc}


@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_who_knows_the_token_may_unload_a_model_and_load_it_again(ask, controlled, protocol):
    change = controlled[protocol]
    await change("unload", "double", Call(headers=KNOWS))
    with pytest.raises(ServableNotFound, match="'double' has no available versions"):
        await ask("POST", INFER, {"inputs": [X]})
    async with asyncio.timeout(30):
        while (await listed(ask))["state"] == "UNLOADING":
            await asyncio.sleep(0.01)
    assert (await listed(ask)) == {**DOUBLE, "state": "UNAVAILABLE", "reason": "unloaded"}
    await change("load", "double", Call(headers=KNOWS))
    assert (await listed(ask)) == DOUBLE
    assert (await ask("POST", INFER, {"inputs": [X]})).status == 200


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("verb", ["load", "unload"])
async def test_nobody_else_may(ask, controlled, protocol, verb):
    with pytest.raises(Unauthenticated):
        await controlled[protocol](verb, "double", Call())
    with pytest.raises(PermissionDenied, match="--model_control"):
        await ask("POST", f"/v2/repository/models/double/{verb}", b"", Call(headers=KNOWS))
    assert (await ask("POST", INFER, {"inputs": [X]})).status == 200


@pytest.mark.parametrize("verb", ["load", "unload"])
async def test_a_model_that_is_not_in_the_store_is_not_found(controlled, verb):
    with pytest.raises(ServableNotFound):
        await controlled["http"](verb, "nope", Call(headers=KNOWS))


@pytest.mark.parametrize(
    ("parameter", "words"),
    [
        ("config", "publish a version there"),
        ("file:1/model.onnx", "publish a version there"),
        ("strange", "unrecognized load parameter 'strange'"),
    ],
)
async def test_a_model_is_loaded_as_it_is_in_the_store(engine, parameter, words):
    api = oip_http(engine, ModelControl(b"secret"))
    body = json.dumps({"parameters": {parameter: "{}"}}).encode()
    request = HttpRequest("POST", "/v2/repository/models/double/load", body=body)
    with pytest.raises(InvalidRequest, match=words):
        await api(request, Call(headers=KNOWS))
