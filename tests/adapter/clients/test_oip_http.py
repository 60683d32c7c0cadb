"""The client of Open Inference over HTTP: connections that are kept, answers that are none."""

from __future__ import annotations

import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
import trustme

from model_store import errors
from model_store.spec import ModelVersion
from tests.adapter.clients.grpc_server import opened
from tests.adapter.clients.http_server import HttpModels, serving_http
from tests.adapter.stores import sure_of
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT

BLANK = {"image": np.zeros((1, 28, 28, 1), np.uint8)}


@pytest.fixture
def models():
    return HttpModels(FakeModelServer({ModelVersion("numbers", 1): sure_of(3, DIGIT)}))


@pytest.fixture
def client(models):
    with serving_http(models) as address, closing(opened(f"oip+http://{address}")) as client:
        yield client


def ask(client, timeout_s=30.0):
    return client.predict("numbers", None, BLANK, timeout_s=timeout_s)


def test_one_connection_serves_one_call_after_the_other(client, models):
    for _ in range(5):
        assert ask(client).outputs["scores"].argmax() == 3
    assert client.is_ready(timeout_s=30)
    assert models.connections == 1


def test_calls_at_the_same_time_have_connections_of_their_own(client):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ask(client).version, range(40)))
    assert found == [1] * 40


@pytest.mark.parametrize("how", ["is_closing", "is_saying_goodbye"])
def test_a_server_that_closes_connections_is_asked_on_new_ones(client, models, how):
    setattr(models, how, True)
    assert [ask(client).version for _ in range(5)] == [1] * 5
    assert models.connections == 5


def test_a_server_that_was_started_anew_is_asked_again(models, tmp_path):
    path = str(tmp_path / "s")
    with closing(opened(f"oip+http://unix:{path}")) as client, ThreadPoolExecutor(4) as pool:
        for _ in range(2):
            with serving_http(models, path):
                assert list(pool.map(lambda _: ask(client).version, range(8))) == [1] * 8
            (tmp_path / "s").unlink()


def test_the_server_is_told_how_long_the_caller_waits(client, models):
    ask(client, timeout_s=1.5)
    assert 1400 < int(models.headers["x-request-timeout-ms"]) <= 1500 * 17 / 16


def test_a_little_less_time_is_said_in_the_same_words_and_never_as_too_little(client, models):
    said = []
    for timeout_s in (10.0, 9.9, 9.8, 0.4):
        ask(client, timeout_s=timeout_s)
        said.append(int(models.headers["x-request-timeout-ms"]))
    assert said[0] == said[1] == said[2]
    assert said[0] >= 9_990
    assert said[3] <= 400 * 17 / 16


def test_a_tensor_that_the_system_does_not_take_at_once_arrives_whole(client, models):
    noise = np.random.default_rng(7).integers(0, 256, (9000, 28, 28, 1), np.uint8)
    for sent in (noise, noise.transpose(0, 2, 1, 3), noise[:0]):
        client.predict("numbers", None, {"image": sent}, timeout_s=170)
        assert np.array_equal(models.behind.calls[-1].inputs["image"], sent)


def test_where_nobody_listens_the_answer_is_unreachable_and_not_a_deadline():
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        client = opened(f"oip+http://127.0.0.1:{kept.getsockname()[1]}")
        with pytest.raises(errors.ServerUnreachable):
            ask(client, timeout_s=170)
        assert not client.is_ready(timeout_s=170)


def test_a_server_that_says_nothing_is_late_and_its_connection_is_not_used_again(client, models):
    ask(client)
    models.behind.takes_s = 60
    with pytest.raises(errors.DeadlineExceeded):
        ask(client, timeout_s=0.2)
    models.behind.takes_s = 0
    models.given_up.set()
    assert ask(client).version == 1
    assert models.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"220 smtp.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\xff\xff\xff\xff",
        b"HTTP/1.1 200 OK\r\ninference-header-content-length: x\r\ncontent-length: 2\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n{"outputs":[1]}',
    ],
)
def test_an_answer_that_is_none_is_the_servers_fault_and_not_the_callers(client, models, raw):
    models.raw = raw
    with pytest.raises(errors.ServerFailed, match="does not answer as a model server"):
        ask(client)


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"])
def test_half_an_answer_is_none(client, models, raw):
    models.raw = raw
    with pytest.raises(errors.ServerUnreachable):
        ask(client)


def test_an_answer_in_pieces_is_read_whole(client, models):
    body = b'{"model_version":"4","outputs":[{"name":"s","datatype":"FP32","shape":[1,2],"data":[1,2]}]}'
    pieces = b"".join(b"%x\r\n%b\r\n" % (1, body[at : at + 1]) for at in range(len(body)))
    models.raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
    scores = ask(client)
    assert scores.version == 4
    assert scores.outputs["s"].tolist() == [[1.0, 2.0]]


def test_a_full_queue_says_when_to_come_again(client, models):
    models.raw = (
        b"HTTP/1.1 429 x\r\nretry-after: 7\r\ncontent-length: 16\r\n\r\n" + b'{"error":"full"}'
    )
    with pytest.raises(errors.Overloaded, match="full") as caught:
        ask(client)
    assert caught.value.retry_after_s == 7


def test_connections_are_encrypted_where_the_scheme_says_so(models, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving_http(models) as inner, Encrypting(inner, context) as address:
        with closing(opened(f"oip+https://{address}", ca=str(tmp_path / "ca.pem"))) as client:
            assert ask(client).version == 1
        with pytest.raises(errors.ServerUnreachable):
            ask(opened(f"oip+https://{address}"))


class Encrypting:
    """TLS in front of another address, one connection after the other."""

    def __init__(self, inner: str, context: ssl.SSLContext) -> None:
        host, port = inner.split(":")
        self._inner, self._context = (host, int(port)), context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> str:
        self._thread.start()
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            try:
                with plain, self._context.wrap_socket(plain, server_side=True) as outside:
                    with socket.create_connection(self._inner) as inside:
                        inside.sendall(outside.recv(65536))
                        outside.sendall(inside.recv(65536))
            except OSError:
                continue
