"""Every service in one process with the others, and alone as a microservice: the same answers."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapter.app import create_app
from adapter.config import AdapterConfig, Settings
from adapter.services import SERVICES
from adapter.wiring import build_parts
from tests.adapter.writing import write
from tests.model_store.pictures import encode, photo, png_claiming, three
from tests.support import BUNDLED_STORE, ROOT, easel, free_port, wait_until_it_answers

THREE, HAND = encode(three()), (ROOT / "export/recipes/hands/drawn-3.png").read_bytes()
URL = "data:image/png;base64," + base64.b64encode(THREE).decode()
# Different for each request, or each process.
_OWN = {"Date", "X-Request-Id", "Server"}


@dataclass(frozen=True)
class Ask:
    """One request of a service."""

    service: str
    path: str
    body: bytes | Mapping[str, Any] | None = None
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> bytes | None:
        return json.dumps(self.body).encode() if isinstance(self.body, Mapping) else self.body

    def __str__(self) -> str:
        size = len(self.data or b"")
        return f"{self.method} {self.path} {size} {','.join(self.headers.values())}"


KOREAN = {"Accept-Language": "ko"}
PICTURES = [
    Ask(service, path, body, headers=headers)
    for service, path in (
        ("numbers", "numbers"),
        ("numbers", "numbers/explain"),
        ("classifier", "classifier"),
        ("classifier", "classifier/explain"),
        ("fingers", "fingers"),
        ("models", "models/numbers"),
        ("models", "models/fingers"),
        ("models", "models/classifier/explain?grid=4"),
        ("visionapi", "visionapi"),
    )
    for body, headers in (
        ({"base64_drawing": URL}, {}),
        ({"image": URL, "top_k": 2}, KOREAN),
        (encode(write("4190")), {"Content-Type": "image/png"}),
        (HAND, {}),
        (encode(photo(), "JPEG"), {}),
        (b"", {}),
        (b"no picture", KOREAN),
        ({"base64_drawing": "!"}, {}),
        ({"base64_drawing": URL, "top_k": 0}, {}),
        (png_claiming(50_000, 50_000), {}),
    )
]
OTHERS = [
    *(Ask(service, service, method="GET") for service in ("numbers", "classifier", "fingers")),
    Ask("numbers", "numbers", {"base64_drawing": URL}, headers={"X-Request-Timeout-Ms": "soon"}),
    Ask("numbers", "numbers", b"x" * (11 << 20)),
    Ask("numbers", "numbers", method="DELETE"),
    Ask("models", "models", method="GET"),
    Ask("models", "models/classifier", method="GET"),
    Ask("models", "models/lions", {"base64_drawing": URL}),
    Ask("models", "models/numbers?version=1", {"base64_drawing": URL}),
    Ask("models", "models/numbers?version=9", {"base64_drawing": URL}),
    Ask("aivoice", "aivoice", {"text": ""}),
    Ask("aivoice", "aivoice", b"{"),
    Ask("aivoice", "aivoice", method="GET"),
    Ask("feedback", "feedback", {"label": "8"}),
    Ask("feedback", "feedback", b"{}"),
]


def application(address: str, *services: str):
    config = AdapterConfig(store=BUNDLED_STORE, model_server=address, services=services)
    return create_app(build_parts(Settings(config))).test_client()


@pytest.fixture(scope="module")
def whole(numbers_server):
    return application(numbers_server.address, *SERVICES)


@pytest.fixture(scope="module")
def alone(numbers_server):
    return {name: application(numbers_server.address, name) for name in SERVICES}


def answer(client, ask: Ask):
    response = client.open(
        f"/api/{ask.path}", method=ask.method, data=ask.data, headers=dict(ask.headers)
    )
    headers = {name: value for name, value in response.headers if name not in _OWN}
    return response.status_code, headers, response.data


@pytest.mark.parametrize("ask", [*PICTURES, *OTHERS], ids=str)
def test_a_service_alone_answers_as_it_does_among_the_others(whole, alone, ask):
    together = answer(whole, ask)
    assert together == answer(alone[ask.service], ask)
    assert together[2]
    assert together[0] != 500


def test_every_service_that_answers_pictures_is_asked(whole):
    asked = {ask.service for ask in [*PICTURES, *OTHERS]}
    assert asked == set(SERVICES)


def test_a_service_alone_has_no_routes_of_the_others(alone):
    for name, client in alone.items():
        for other in {"numbers", "classifier", "fingers", "models"} - {name}:
            assert client.post(f"/api/{other}", data=THREE).status_code == 404


def fetch(port: int, ask: Ask) -> tuple[int, bytes]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/{ask.path}",
        ask.data,
        dict(ask.headers),
        method=ask.method,
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_processes_of_their_own_answer_alike(numbers_server):
    ports = {"numbers": free_port(), "numbers,classifier": free_port()}
    flags = ("--store", str(BUNDLED_STORE), "--model-server", numbers_server.address)
    asks = [ask for ask in PICTURES if ask.path == "numbers"]
    answers = []
    for services, port in ports.items():
        arguments = ("--services", services, "--port", str(port), "--workers", "1")
        with easel("adapter", *flags, *arguments) as process:
            wait_until_it_answers(process, port)
            answers.append([fetch(port, ask) for ask in asks])
    assert answers[0] == answers[1]
    assert [status for status, _ in answers[0]].count(200) >= 4
