"""Every path under /v2, asked without a transport: statuses and words that Triton's clients see."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from model_store.errors import (
    DeadlineExceeded,
    EaselError,
    InvalidRequest,
    ServableNotFound,
    TensorMismatch,
)
from model_store.store import Store
from serving.engine.engine import Engine
from serving.engine.servable import LoadOptions
from serving.services.http import HttpRequest, HttpResponse
from serving.services.methods import Call
from serving.services.oip_http import oip_http
from tests.support import publish_linear

X = {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}


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


def value(response: HttpResponse):
    return json.loads(response.body)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/double/ready", {"name": "double", "ready": True}),
        ("/v2/models/double/versions/1/ready", {"name": "double", "ready": True}),
    ],
)
async def test_health_is_a_status_with_a_body(ask, path, body):
    response = await ask("GET", path)
    assert (response.status, value(response)) == (200, body)


async def test_a_server_that_drains_and_a_model_that_is_not_there_are_not_ready(ask, engine):
    engine.drain()
    response = await ask("GET", "/v2/health/ready")
    assert (response.status, value(response)) == (400, {"ready": False})
    for path in ("/v2/models/nope/ready", "/v2/models/double/versions/2/ready"):
        response = await ask("GET", path)
        assert (response.status, value(response)) == (400, {"error": "Model version not ready"})


async def test_the_server_says_who_it_is(ask):
    assert value(await ask("GET", "/v2"))["name"] == "easel"


@pytest.mark.parametrize("path", ["/v2/models/double", "/v2/models/double/versions/1"])
async def test_a_model_says_what_it_takes_and_gives(ask, path):
    assert value(await ask("GET", path)) == {
        "name": "double",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 3]}],
    }


@pytest.mark.parametrize("path", ["/v2/models/double/infer", "/v2/models/double/versions/1/infer"])
async def test_json_is_answered_in_json(ask, path):
    call = Call()
    response = await ask("POST", path, {"inputs": [X], "id": "7"}, call)
    assert value(response) == {
        "model_name": "double",
        "model_version": "1",
        "id": "7",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 3], "data": [2.0, 4.0, 6.0]}],
    }
    assert (call.asked.name, call.answer.model.number) == ("double", 1)


async def test_binary_tensors_come_and_go_behind_the_json(ask):
    head = {
        "name": "x",
        "datatype": "FP32",
        "shape": [2, 3],
        "parameters": {"binary_data_size": 24},
    }
    wanted = [{"name": "y", "parameters": {"binary_data": True}}]
    text = json.dumps({"inputs": [head], "outputs": wanted}).encode()
    sent = np.arange(6, dtype=np.float32)
    response = await ask("POST", "/v2/models/double/infer", text + sent.tobytes(),
                         inference_header_content_length=str(len(text)))  # fmt: skip
    ((name, length),) = response.headers
    assert (name, response.content_type) == (
        b"inference-header-content-length",
        b"application/octet-stream",
    )
    (output,) = json.loads(response.body[: int(length)])["outputs"]
    assert output == {"name": "y", "datatype": "FP32", "shape": [2, 3], "parameters": {"binary_data_size": 24}}  # fmt: skip
    got = np.frombuffer(response.body[int(length) :], np.float32)
    np.testing.assert_array_equal(got, sent * 2)


async def test_a_body_without_any_json_is_the_only_input(ask):
    response = await ask("POST", "/v2/models/double/infer", np.float32([1, 2, 3]).tobytes(),
                         inference_header_content_length="0")  # fmt: skip
    length = int(dict(response.headers)[b"inference-header-content-length"])
    np.testing.assert_array_equal(np.frombuffer(response.body[length:], np.float32), [2, 4, 6])


async def test_classes_are_given_instead_of_scores_best_first(ask):
    wanted = [{"name": "y", "parameters": {"classification": 2}}]
    two = {**X, "shape": [2, 3], "data": [[1, 3, 2], [0, 0, -5]]}
    response = await ask("POST", "/v2/models/double/infer", {"inputs": [two], "outputs": wanted})
    (output,) = value(response)["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 2])
    assert output["data"] == ["6.000000:1", "4.000000:2", "0.000000:0", "0.000000:1"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/"),
        ("GET", "/v2/models"),
        ("GET", "/v2/models/"),
        ("GET", "/v2/models/double/"),
        ("GET", "/v2/models/double/nothing"),
        ("GET", "/v2/models/double/versions"),
        ("GET", "/v2/models/double/versions/"),
        ("GET", "/v2/models/double/versions/1/"),
        ("POST", "/v2/models/double/versions/1/infer/more"),
        ("GET", "/v2/health"),
    ],
)
async def test_paths_that_are_none_are_not_found(ask, method, path):
    response = await ask(method, path)
    assert (response.status, value(response)) == (404, {"error": "Not Found"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v2/health/live", b"GET, HEAD, OPTIONS"),
        ("GET", "/v2/models/double/infer", b"POST, OPTIONS"),
        ("DELETE", "/v2/models/double", b"GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_verb_is_told_the_right_ones(ask, method, path, allowed):
    response = await ask(method, path)
    assert (response.status, value(response)) == (405, {"error": "Method Not Allowed"})
    assert response.headers == ((b"allow", allowed),)
    asked = await ask("OPTIONS", path)
    assert (asked.status, asked.headers, asked.body) == (204, response.headers, b"")


INFER = "/v2/models/double/infer"


@pytest.mark.parametrize(
    ("path", "body", "error", "words"),
    [
        ("/v2/models/nope/infer", {}, ServableNotFound, "Request for unknown model: 'nope' is not found"),
        ("/v2/models/double/versions/9/infer", {}, ServableNotFound,
         "Request for unknown model: 'double' version 9 is not found"),
        ("/v2/models/double/versions/x/infer", {}, InvalidRequest, "specified version string 'x'"),
        (INFER, b"{", InvalidRequest, "failed to parse the request JSON buffer"),
        (INFER, b'{"inputs":[]} more', InvalidRequest, "failed to parse the request JSON buffer"),
        (INFER, {}, InvalidRequest, "Unable to parse 'inputs'"),
        (INFER, {"inputs": [{**X, "data": [1]}]}, InvalidRequest, "Shape does not match true shape of 'data' field"),
        (INFER, {"inputs": [{**X, "name": "z"}]}, TensorMismatch, "unexpected inference input 'z' for model 'double'"),
        (INFER, {"inputs": [X], "outputs": [{"name": "q"}]}, TensorMismatch,
         "unexpected inference output 'q' for model 'double'"),
        (INFER, {"inputs": [{**X, "datatype": "INT32"}]}, TensorMismatch,
         "inference input 'x' data-type is 'INT32', but model 'double' expects 'FP32'"),
        (INFER, {"inputs": [{**X, "shape": [3, 1]}]}, TensorMismatch,
         "unexpected shape for input 'x' for model 'double'. Expected [-1,3], got [3,1]"),
    ],
)  # fmt: skip
async def test_a_mistake_is_told_in_tritons_words(ask, path, body, error, words):
    with pytest.raises(error) as raised:
        await ask("POST", path, body)
    assert words in str(raised.value)
    assert raised.value.code.http in (400, 404)


async def test_a_timeout_in_the_request_is_a_deadline(ask):
    call = Call(deadline=asyncio.get_running_loop().time() + 60)
    with pytest.raises(DeadlineExceeded):
        await ask("POST", INFER, {"inputs": [X], "parameters": {"timeout": 1}}, call)
    patient = {"inputs": [X], "parameters": {"timeout": 60_000_000}}
    assert (await ask("POST", INFER, patient)).status == 200


async def test_any_failure_of_a_path_has_a_status(ask):
    for path in ("/v2/models/nope", "/v2/models/nope/versions/1"):
        with pytest.raises(EaselError) as raised:
            await ask("GET", path)
        assert raised.value.code.http == 404


async def test_a_model_says_how_it_is_configured(ask):
    config = value(await ask("GET", "/v2/models/double/config"))
    assert config["max_batch_size"] == 64
    assert config["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [3]}]
    assert config["output"] == [{"name": "y", "data_type": "TYPE_FP32", "dims": [3]}]
    assert config["dynamic_batching"]["max_queue_delay_microseconds"] == 0
    assert (config["platform"], config["backend"]) == ("onnxruntime_onnx", "onnxruntime")


async def test_what_was_run_is_in_the_statistics(ask):
    await ask("POST", INFER, {"inputs": [{**X, "shape": [2, 3], "data": [0] * 6}]})
    for path in (
        "/v2/models/double/stats",
        "/v2/models/double/versions/1/stats",
        "/v2/models/stats",
    ):
        (seen,) = value(await ask("GET", path))["model_stats"]
        assert (seen["name"], seen["version"]) == ("double", "1")
        assert (seen["inference_count"], seen["execution_count"]) == (2, 1)
        assert seen["inference_stats"]["success"]["count"] == 1
        assert seen["inference_stats"]["success"]["ns"] > 0
        (batch,) = seen["batch_stats"]
        assert (batch["batch_size"], batch["compute_infer"]["count"]) == (2, 1)
    with pytest.raises(ServableNotFound, match="Request for unknown model: 'nope' is not found"):
        await ask("GET", "/v2/models/nope/stats")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("trace/setting", "traces are configured when the server starts"),
        ("models/double/trace/setting", "traces are configured when the server starts"),
        ("logging", "the log is configured when the server starts"),
        ("cudasharedmemory/region/r/register", "nothing on a GPU"),
        ("models/double/generate", "there is no generate extension"),
        ("models/double/versions/1/generate_stream", "there is no generate extension"),
    ],
)
async def test_what_triton_has_and_this_server_does_not_is_told(ask, path, words):
    response = await ask("POST", f"/v2/{path}")
    assert response.status == 404
    assert words in value(response)["error"]
