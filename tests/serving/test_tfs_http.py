"""TF Serving's REST API over the real HTTP port."""

from __future__ import annotations

import gzip
import http.client
import json

import numpy as np

from tests.support import BUNDLED_STORE, RunningServer

GOLDEN = np.load(BUNDLED_STORE / "numbers" / "1" / "golden.npz")
IMAGES, SCORES = GOLDEN["input:image"][:2], GOLDEN["output:scores"][:2]
PREDICT = "/v1/models/numbers:predict"


def ask(server: RunningServer, method: str, path: str, body: bytes = b"", **headers: str):
    """One request: status, content type, and what the JSON says."""
    connection = http.client.HTTPConnection(server.http, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("content-type"), json.loads(answer.read())
    finally:
        connection.close()


def test_a_prediction_crosses_the_port(numbers_server: RunningServer):
    body = json.dumps({"instances": IMAGES.tolist()}).encode()
    for data, headers in ((body, {}), (gzip.compress(body), {"Content-Encoding": "gzip"})):
        status, kind, found = ask(numbers_server, "POST", PREDICT, data, **headers)
        assert (status, kind) == (200, "application/json")
        np.testing.assert_allclose(found["predictions"], SCORES, atol=1e-5)


def test_status_and_metadata_cross_the_port(numbers_server: RunningServer):
    status, _, found = ask(numbers_server, "GET", "/v1/models/numbers")
    assert (status, found["model_version_status"][0]["state"]) == (200, "AVAILABLE")
    status, _, found = ask(numbers_server, "GET", "/V1/models/numbers/metadata")
    assert (status, found["model_spec"]["version"]) == (200, "1")


def test_a_failure_is_an_object_with_the_error(numbers_server: RunningServer):
    for method, path, body, want, message in (
        ("POST", PREDICT, b"{}", 400, "Missing 'inputs' or 'instances' key"),
        ("POST", PREDICT, b"", 400, "JSON Parse error: The document is empty"),
        ("POST", "/v1/models/nope:predict", b'{"instances": [1]}', 404,
         "Servable not found for request: Latest(nope)"),
        ("PATCH", PREDICT, b"", 400, f"Malformed request: PATCH {PREDICT}"),
        ("GET", "/v1/else", b"", 400, "Malformed request: GET /v1/else"),
    ):  # fmt: skip
        found = ask(numbers_server, method, path, body)
        assert found == (want, "application/json", {"error": message})
