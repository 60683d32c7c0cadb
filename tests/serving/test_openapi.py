"""The OpenAPI document, and the running server held against it by schemathesis."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from serving.api.json_text import dump_json
from serving.api.openapi import document, operations
from serving.services import oip_http
from tests.described import CHECKS
from tests.serving.transport.apps import ask
from tests.support import BUNDLED_STORE, RunningServer, running_server


@pytest.fixture(scope="module")
def server():
    with running_server(BUNDLED_STORE, shared_memory="/") as running:
        yield running


@pytest.fixture
def pictures(server: RunningServer):
    """A region of shared memory: any other test may have unregistered it."""
    shared = Path(f"/dev/shm/easel-test-{uuid4().hex}")
    shared.write_bytes(bytes(64))
    try:
        body = json.dumps({"key": shared.name, "byte_size": 64}).encode()
        path = "/v2/systemsharedmemory/region/pictures/register"
        assert ask(server.http, path, method="POST", body=body).status == 200
        yield
    finally:
        ask(server.http, path.replace("register", "unregister"), method="POST")
        shared.unlink()


SCHEMA = schemathesis.openapi.from_dict(json.loads(dump_json(document())))
OPERATIONS = {each.path: "POST" if each.body else "GET" for each in operations()}


# Any text may be a model's name: only a body and a version can be wrong.
WRONG = [path for path, method in OPERATIONS.items() if method == "POST" or "{version}" in path]


@pytest.mark.parametrize(
    ("path", "mode"),
    [(path, GenerationMode.POSITIVE) for path in OPERATIONS]
    + [(path, GenerationMode.NEGATIVE) for path in WRONG],
)
def test_any_request_is_answered_as_the_document_says(server: RunningServer, path, mode):
    operation = SCHEMA[path][OPERATIONS[path]]

    @settings(max_examples=10, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask_it(case):
        case.call_and_validate(base_url=f"http://{server.http}", checks=CHECKS)

    ask_it()


def test_the_document_is_one_and_is_served(server: RunningServer):
    SCHEMA.validate()
    assert json.loads(ask(server.http, "/openapi.json").body) == SCHEMA.raw_schema


def test_every_first_part_that_is_answered_is_described(server: RunningServer):
    described = {each.path.split("/")[1] for each in operations()}
    for part in ("healthz", "readyz", "metrics", "monitoring", "v1", "v2"):
        assert part in described
    assert ask(server.http, "/openapi.json", method="POST").status == 405
    assert ask(server.http, "/openapi.json/x").status == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
def test_a_page_that_is_only_read_says_so(server: RunningServer, path):
    answer = ask(server.http, path, method="DELETE")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_every_route_of_open_inference_is_described():
    described = set()
    for each in operations():
        if each.path.startswith("/v2") and "/versions/" not in each.path:
            key = each.path.removeprefix("/v2").strip("/")
            key = key.replace("repository/models/{model}", "repository/model")
            key = key.replace("region/{region}", "region")
            described.add(key.replace("models/{model}", "model"))
    assert described == set(oip_http._ROUTES)


PIXELS = [[[[0]] * 28] * 28]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/{model}:predict", {"inputs": PIXELS}),
        ("/v1/models/{model}:predict", {"instances": PIXELS}),
        ("/v2/models/{model}/infer",
         {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 28, 28, 1],
                      "data": PIXELS}]}),
    ],
)  # fmt: skip
def test_a_right_request_has_the_answer_that_is_described(server: RunningServer, path, body):
    case = SCHEMA[path]["POST"].Case(
        path_parameters={"model": "numbers"}, body=body, media_type="application/json"
    )
    response = case.call_and_validate(base_url=f"http://{server.http}", checks=CHECKS)
    assert response.status_code == 200


def test_an_answer_in_binary_is_described(server: RunningServer):
    image = {"name": "image", "datatype": "UINT8", "shape": [1, 28, 28, 1], "data": PIXELS}
    case = SCHEMA["/v2/models/{model}/infer"]["POST"].Case(
        path_parameters={"model": "numbers"},
        body={"inputs": [image], "parameters": {"binary_data_output": True}},
        media_type="application/json",
    )
    response = case.call_and_validate(base_url=f"http://{server.http}", checks=CHECKS)
    assert response.headers["content-type"] == ["application/octet-stream"]


@pytest.mark.parametrize(
    "path", [path for path, method in OPERATIONS.items() if method == "GET" and "label" not in path]
)
@pytest.mark.usefixtures("pictures")
def test_what_is_described_can_be_had(server: RunningServer, path):
    parameters = {"model": "numbers", "version": 1, "region": "pictures"}
    wanted = {name: value for name, value in parameters.items() if f"{{{name}}}" in path}
    case = SCHEMA[path]["GET"].Case(path_parameters=wanted)
    response = case.call_and_validate(base_url=f"http://{server.http}", checks=CHECKS)
    assert response.status_code == 200
