"""The OpenAPI document, and the application held against it by schemathesis."""

from __future__ import annotations

import json
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from adapter.app import create_app
from adapter.config import AdapterConfig, Settings
from adapter.http.answers import Failure
from adapter.http.openapi_parts import DRAWING, STATUSES
from adapter.services import SERVICES
from adapter.wiring import build_parts
from model_store.errors import Code
from tests.described import CHECKS
from tests.support import BUNDLED_STORE, running_server

# 501, 503 and 504 are told of the model server, and are described.
SERVERS_FAULTS = {501, 503, 504}
for kind in ("png", "jpeg", "webp", "gif", "bmp", "avif"):
    schemathesis.openapi.media_type(f"image/{kind}", st.binary(max_size=200))


@pytest.fixture(scope="module")
def address():
    with running_server(BUNDLED_STORE) as server:
        yield server.address


def application(address: str, services: tuple[str, ...]):
    config = AdapterConfig(store=BUNDLED_STORE, model_server=address, services=services)
    return create_app(build_parts(Settings(config)))


WAYS = [tuple(SERVICES), ("numbers",)]


@pytest.fixture(scope="module", params=WAYS, ids=["whole", "numbers"])
def app(request, address):
    return application(address, request.param)


@pytest.fixture
def document(app):
    return app.test_client().get("/openapi.json").get_json()


def test_any_request_is_answered_as_the_document_says(app):
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    schema.validate()

    for result in schema.get_all_operations():
        operation = result.ok()
        has_wrong = "requestBody" in operation.definition.raw
        modes = [GenerationMode.POSITIVE] + [GenerationMode.NEGATIVE] * has_wrong
        for mode in modes:

            @settings(max_examples=12, suppress_health_check=list(HealthCheck), database=None)
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask_it(case):
                response = case.call()
                chosen = CHECKS[1:] if response.status_code in SERVERS_FAULTS else CHECKS
                case.validate_response(response, checks=chosen)

            ask_it()


def test_what_is_described_is_what_is_routed(app, document):
    routed: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith(("pages.", "docs.")):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            routed.setdefault(path, set()).update(rule.methods & {"GET", "POST"})
    paths = document["paths"].items()
    described = {path: {method.upper() for method in item} for path, item in paths}
    assert routed.items() <= described.items()


def test_every_status_of_the_one_table_is_described(document):
    # Of a region of shared memory in the model server; nothing here asks for one.
    never = {Code.OK, Code.ALREADY_EXISTS}
    statuses = {code.http for code in Code if code not in never}
    assert statuses <= set(STATUSES)
    for item in document["paths"].values():
        for operation in item.values():
            assert {str(status) for status in statuses} <= operation["responses"].keys()


def test_every_name_and_operation_is_there_once(document):
    names = [each["operationId"] for item in document["paths"].values() for each in item.values()]
    assert len(names) == len(set(names))


def test_the_examples_of_failures_have_their_one_shape(document):
    for response in document["components"]["responses"].values():
        example = response["content"]["application/json"]["example"]
        assert list(example) == list(Failure.__struct_fields__)


@pytest.mark.parametrize("service", ["numbers"])
@pytest.mark.parametrize("media", ["application/json", "application/x-www-form-urlencoded"])
def test_the_example_of_a_request_is_answered_as_its_example_says(address, service, media):
    app = application(address, (service,))
    operation = (
        app.test_client().get("/openapi.json").get_json()["paths"][f"/api/{service}"]["post"]
    )
    example = operation["requestBody"]["content"][media]["example"]
    assert example == {"base64_drawing": DRAWING}
    body = {"data": json.dumps(example)} if media == "application/json" else {"data": example}
    answer = app.test_client().post(f"/api/{service}", **body)
    assert answer.status_code == 200
    shown = operation["responses"]["200"]["content"]["application/json"]["example"]
    answered = answer.get_json()
    assert (shown["label"], shown["model"]) == (answered["label"], answered["model"])
    assert shown["score"] == pytest.approx(answered["score"], abs=1e-4)


def test_the_page_that_shows_it_loads_nothing_from_elsewhere(app):
    client = app.test_client()
    page = client.get("/docs")
    assert page.mimetype == "text/html"
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.get_data(as_text=True)):
        assert not address.startswith(("http", "//"))
        path = f"/{address}".removesuffix("./")
        assert client.get(path, buffered=True).status_code == 200, address
    assert "'unsafe" not in page.headers["Content-Security-Policy"]


def test_no_other_file_of_the_package_is_given(app):
    for name in ("oauth2-redirect.html", "VERSION", "..%2f__init__.py"):
        assert app.test_client().get(f"/docs/{name}", buffered=True).status_code == 404
