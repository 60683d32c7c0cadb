"""TorchServe's REST against servers that are slow, fail, or are none at all."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from model_store import errors
from tests.adapter.clients.grpc_server import opened

BLANK = {"image": np.zeros((1, 2, 2, 1), np.uint8)}
SCORES = {"name": "scores", "shape": [1, 2], "datatype": "FP32", "data": [0.5, float("nan")]}
ANSWER = json.dumps({"model_version": "3.0", "outputs": [SCORES]}).encode()


@contextmanager
def answering(status: int, body: bytes, seen: list | None = None) -> Iterator[str]:
    """A web server with one answer; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if seen is not None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen.append((self.path, headers, content, self.client_address))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def client_of(address: str):
    client = opened(f"torchserve+http://{address}")
    try:
        yield client
    finally:
        client.close()


def failure(status: int, body: bytes) -> errors.EaselError:
    with answering(status, body) as address, client_of(address) as client:
        with pytest.raises(errors.EaselError) as caught:
            client.predict("sums", None, BLANK, timeout_s=30)
        return caught.value


def test_the_request_says_how_long_its_answer_is_wanted_and_connections_are_kept():
    seen = []
    with answering(200, ANSWER, seen) as address, client_of(address) as client:
        for version in (None, 3):
            scores = client.predict("sums", version, BLANK, timeout_s=17)
    assert scores.version == 3
    np.testing.assert_array_equal(scores.outputs["scores"], np.float32([[0.5, np.nan]]))
    (first, headers, content, peer), (second, _, _, again) = seen
    assert (first, second) == ("/predictions/sums", "/predictions/sums/3")
    assert 10_000 < int(headers["x-request-timeout-ms"]) <= 17_000
    assert headers["host"] == address
    assert json.loads(content)["inputs"][0]["data"] == [0, 0, 0, 0]
    assert peer == again


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, b'{"error": "input x is missing"}', errors.InvalidRequest, "input x is missing"),
        (400, b"", errors.InvalidRequest, "refuses the request"),
        (200, b'{"error": ""}', errors.InvalidRequest, "the model server refuses the request"),
        (404, b'{"code": 404, "message": "Model not found: sums"}', errors.ServableNotFound,
         "Model not found: sums"),
        (400, b'{"code": 400, "type": "InvalidKeyException"}', errors.ServerFailed, "failed"),
        (500, b"Traceback: /srv/secret", errors.ServerFailed, "its log and ours say why"),
        (302, b"", errors.ServerFailed, "failed"),
        (503, b'{"message": "Prediction failed"}', errors.ServerUnreachable, "does not answer"),
        (200, b'{"tabby": 0.6}', errors.ServerFailed, "does not answer as a model server"),
        (200, b"<html>", errors.ServerFailed, "does not answer as a model server"),
    ],
)  # fmt: skip
def test_a_failure_is_ours_with_the_words_that_are_for_callers(status, body, kind, words, caplog):
    error = failure(status, body)
    assert type(error) is kind
    assert words in str(error)
    assert "secret" not in str(error)
    assert ("secret" in caplog.text) == (b"secret" in body)


@pytest.mark.parametrize(
    ("status", "body", "is_ready"),
    [
        (200, b'{"status": "Healthy"}', True),
        (200, b'{"status": "Partial Healthy"}', False),
        (200, b"well", False),
        (500, b'{"status": "Healthy"}', False),
    ],
)
def test_it_is_ready_when_all_its_workers_are(status, body, is_ready):
    with answering(status, body) as address, client_of(address) as client:
        assert client.is_ready(timeout_s=30) is is_ready


def test_where_nobody_listens_or_hangs_up_the_server_is_unreachable():
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        with client_of(f"127.0.0.1:{kept.getsockname()[1]}") as client:
            with pytest.raises(errors.ServerUnreachable):
                client.predict("sums", None, BLANK, timeout_s=30)
            assert not client.is_ready(timeout_s=30)


def test_a_server_that_says_nothing_is_a_deadline():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with client_of(f"127.0.0.1:{listener.getsockname()[1]}") as client:
            with pytest.raises(errors.DeadlineExceeded):
                client.predict("sums", None, BLANK, timeout_s=0.2)
            assert not client.is_ready(timeout_s=0.2)
