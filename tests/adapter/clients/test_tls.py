"""Encrypted connections to model servers, with their names checked, and local sockets."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import trustme

from model_store.errors import InvalidRequest, ServerUnreachable
from tests.adapter.clients import sums
from tests.adapter.clients.grpc_server import opened
from tests.adapter.clients.test_torchserve_rest import ANSWER
from tests.support import running_server

ROWS = {"image": np.ones((1, 2, 2, 1), np.uint8)}


def write(folder: Path, authority: trustme.CA, name: str) -> dict[str, str]:
    """A certificate for *name* and its key, and who signed it."""
    leaf = authority.issue_cert(name)
    paths = {each: str(folder / f"{name}.{each}.pem") for each in ("certificate", "key", "ca")}
    leaf.private_key_pem.write_to_path(paths["key"])
    leaf.cert_chain_pems[0].write_to_path(paths["certificate"])
    authority.cert_pem.write_to_path(paths["ca"])
    return paths


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def named(folder, authority):
    """Files of a server that is called localhost."""
    return write(folder, authority, "localhost")


@pytest.fixture(scope="module")
def easel(tmp_path_factory, named):
    """An Easel that wants certificates of its clients, too; its port."""
    store = sums.write_store(tmp_path_factory.mktemp("store"))
    with running_server(
        store,
        tls_certificate=named["certificate"], tls_key=named["key"], tls_client_ca=named["ca"],
    ) as server:  # fmt: skip
        yield server.address.rpartition(":")[2]


@pytest.fixture(scope="module")
def torchserve(named):
    """A web server that answers every request as TorchServe would a good one; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *_):
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=named["ca"])
    context.load_cert_chain(named["certificate"], named["key"])
    context.verify_mode = ssl.CERT_REQUIRED
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # a handshake that a test lets fail
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


@pytest.fixture(params=["tfs+tls", "oip+tls", "oip+https", "torchserve+https"])
def group(request):
    """The text of a group, to be filled with a host."""
    server = "torchserve" if request.param == "torchserve+https" else "easel"
    return f"{request.param}://{{}}:{request.getfixturevalue(server)}"


def ask(entry: str, **files: str):
    client = opened(entry, **files)
    try:
        return client.predict(sums.MODEL, None, ROWS, timeout_s=60)
    finally:
        client.close()


def test_servers_are_known_by_their_name_and_know_us_by_our_certificate(group, named):
    assert ask(group.format("localhost"), **named).version in (sums.LIVE, 3)


def test_a_server_of_another_name_is_not_spoken_to(group, named):
    with pytest.raises(ServerUnreachable):
        ask(group.format("127.0.0.1"), **named)


def test_a_server_that_a_stranger_signed_is_not_spoken_to(group, named, tmp_path):
    stranger = write(tmp_path, trustme.CA(), "localhost")
    with pytest.raises(ServerUnreachable):
        ask(group.format("localhost"), **{**named, "ca": stranger["ca"]})


def test_a_server_that_wants_to_know_us_does_not_answer_without_a_certificate(group, named):
    with pytest.raises(ServerUnreachable):
        ask(group.format("localhost"), ca=named["ca"])


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"key": ""}, "set both model_server_certificate and model_server_key"),
        ({"certificate": ""}, "set both"),
        ({"ca": "/nowhere.pem"}, "model_server_ca /nowhere.pem is no PEM file"),
        ({"key": "/nowhere.pem"}, "are no certificate with its key"),
    ],
)
def test_files_that_cannot_be_used_are_told_before_the_first_request(named, changes, remedy):
    with pytest.raises(InvalidRequest, match=remedy):
        opened("oip+tls://localhost:1", **{**named, **changes})


def test_a_file_that_is_no_certificate_is_told(named, tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(InvalidRequest, match="is no PEM file of certificates"):
        opened("oip+tls://localhost:1", ca=str(tmp_path / "ca.pem"))


def test_files_without_a_scheme_that_uses_them_are_no_silent_mistake(named):
    with pytest.raises(InvalidRequest, match=r"such as tfs\+tls://"):
        opened("oip://localhost:1", ca=named["ca"])


@pytest.mark.parametrize("scheme", ["tfs", "oip"])
def test_a_server_on_this_machine_is_reached_by_its_socket(tmp_path, scheme):
    store = sums.write_store(tmp_path / "models")
    path = tmp_path / "easel.sock"
    with running_server(store, grpc_socket_path=str(path)):
        assert ask(f"{scheme}://unix:{path}").version == sums.LIVE
