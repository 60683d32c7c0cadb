"""TLS, clients' certificates, Unix domain sockets, and who comes together, with real clients."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
import trustme

from model_store.errors import AddressTaken, InvalidRequest
from serving.api import oip
from serving.api.calls import ModelRef, Prediction
from serving.api.oip_http_client import encode_infer_request, infer_path
from tests.serving.sockets.clients import H2Client
from tests.support import BUNDLED_STORE, RunningServer, running_server


@dataclass(frozen=True)
class Keys:
    """Files, as a deployment has them; and a client that somebody else has signed for."""

    ca: trustme.CA
    client: trustme.LeafCert
    stranger: trustme.LeafCert
    settings: dict[str, str]
    client_ca: str


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    ca = trustme.CA()
    server = ca.issue_cert("127.0.0.1", "localhost")
    chain, key, authority = folder / "chain.pem", folder / "key.pem", folder / "ca.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    server.private_key_pem.write_to_path(str(key))
    ca.cert_pem.write_to_path(str(authority))
    settings = {"tls_certificate": str(chain), "tls_key": str(key)}
    client, stranger = ca.issue_cert("client"), trustme.CA().issue_cert("client")
    return Keys(ca, client, stranger, settings, str(authority))


@pytest.fixture(scope="module")
def encrypted(keys: Keys):
    with running_server(BUNDLED_STORE, **keys.settings) as server:
        yield server


@pytest.fixture(scope="module")
def mutual(keys: Keys, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("local") / "grpc.sock")
    settings = {**keys.settings, "tls_client_ca": keys.client_ca, "grpc_socket_path": path}
    with running_server(BUNDLED_STORE, **settings) as server:
        yield server, path


def is_live(channel: grpc.Channel) -> bool:
    """Whether a call gets through."""
    try:
        channel.unary_unary(oip.SERVER_LIVE)(b"", timeout=10)
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        return False
    return True


def secure_channel(address: str, keys: Keys, own: trustme.LeafCert | None = None) -> grpc.Channel:
    roots = keys.ca.cert_pem.bytes()
    if own is None:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(roots))
    credentials = grpc.ssl_channel_credentials(
        roots, own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes()
    )
    return grpc.secure_channel(address, credentials)


def status_over_tls(address: str, keys: Keys, own: trustme.LeafCert | None = None) -> int:
    context = ssl.create_default_context()
    keys.ca.configure_trust(context)
    if own is not None:
        own.configure_cert(context)
    connection = http.client.HTTPSConnection(address, timeout=10, context=context)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("port", ["address", "http"])
def test_both_ports_speak_tls_to_grpc_and_http(encrypted: RunningServer, keys: Keys, port: str):
    address = getattr(encrypted, port)
    with secure_channel(address, keys) as channel:
        assert is_live(channel)
    assert status_over_tls(address, keys) == 200


def test_a_plain_client_is_not_answered_where_there_is_tls(encrypted: RunningServer):
    with grpc.insecure_channel(encrypted.address) as channel:
        assert not is_live(channel)
    connection = http.client.HTTPConnection(encrypted.http, timeout=10)
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.request("GET", "/readyz")
        connection.getresponse()
    connection.close()


def test_a_client_that_trusts_another_authority_does_not_call(encrypted: RunningServer, keys: Keys):
    strange = trustme.CA()
    credentials = grpc.ssl_channel_credentials(strange.cert_pem.bytes())
    with grpc.secure_channel(encrypted.address, credentials) as channel:
        assert not is_live(channel)


@pytest.mark.parametrize("port", ["address", "http"])
def test_clients_show_a_certificate_where_one_is_asked_for(mutual, keys: Keys, port: str):
    address = getattr(mutual[0], port)
    with secure_channel(address, keys, keys.client) as channel:
        assert is_live(channel)
    assert status_over_tls(address, keys, keys.client) == 200


@pytest.mark.parametrize("own", ["none", "stranger"])
@pytest.mark.parametrize("port", ["address", "http"])
def test_clients_without_the_right_certificate_are_refused(mutual, keys: Keys, port: str, own: str):
    address = getattr(mutual[0], port)
    certificate = keys.stranger if own == "stranger" else None
    with secure_channel(address, keys, certificate) as channel:
        assert not is_live(channel)
    with pytest.raises((http.client.HTTPException, OSError)):
        status_over_tls(address, keys, certificate)


def test_a_local_socket_is_plain_beside_encrypted_ports(mutual):
    with grpc.insecure_channel(f"unix:{mutual[1]}") as channel:
        assert is_live(channel)


def test_a_local_socket_is_served_beside_the_ports_and_goes_with_the_server(tmp_path: Path):
    path = tmp_path / "grpc.sock"
    with running_server(BUNDLED_STORE, grpc_socket_path=str(path)) as server:
        for target in (f"unix:{path}", server.address, server.http):
            with grpc.insecure_channel(target) as channel:
                assert is_live(channel)
    assert not path.exists()


def test_a_socket_that_a_dead_process_left_is_replaced(tmp_path: Path):
    path = tmp_path / "grpc.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with running_server(BUNDLED_STORE, grpc_socket_path=str(path)):
        with grpc.insecure_channel(f"unix:{path}") as channel:
            assert is_live(channel)


def test_a_socket_that_is_in_use_is_left_alone(tmp_path: Path):
    path = tmp_path / "grpc.sock"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        with pytest.raises(AddressTaken, match="another program listens"), starting(path):
            pass
    assert path.exists()


@contextmanager
def starting(path: Path):
    with running_server(BUNDLED_STORE, grpc_socket_path=str(path)) as server:
        yield server


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder, "is no socket"),
        (lambda folder: folder / "no" / "such" / "folder.sock", "cannot be listened on"),
        (lambda folder: folder / ("x" * 200), "cannot be listened on"),
    ],
    ids=["folder", "nowhere", "long"],
)
def test_a_path_that_cannot_be_a_socket_is_said_plainly(tmp_path: Path, make, words: str):
    with pytest.raises(InvalidRequest, match=words), starting(make(tmp_path)):
        pass


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tls_key": ""}, "TLS needs both --tls_certificate and --tls_key"),
        ({"tls_certificate": "", "tls_key": "", "tls_client_ca": "x"}, "TLS needs both"),
        ({"tls_key": "/no/such/file"}, "/no/such/file are no certificate with its key"),
        ({"tls_client_ca": "/no/such/file"}, "/no/such/file holds no certificates"),
    ],
)
def test_wrong_tls_settings_are_said_before_the_start(keys: Keys, changes, words: str):
    with pytest.raises(InvalidRequest, match=words):
        with running_server(BUNDLED_STORE, **{**keys.settings, **changes}):
            pass


def test_a_key_of_another_certificate_is_refused(keys: Keys, tmp_path: Path):
    other = tmp_path / "other.pem"
    keys.stranger.private_key_pem.write_to_path(str(other))
    shutil.copy(keys.settings["tls_certificate"], tmp_path / "chain.pem")
    with pytest.raises(InvalidRequest, match="no certificate with its key"):
        with running_server(BUNDLED_STORE, **{**keys.settings, "tls_key": str(other)}):
            pass


async def test_requests_that_come_together_run_together_and_one_alone_by_itself(numbers_server):
    image = np.zeros((1, 28, 28, 1), np.uint8)
    parts, length = encode_infer_request(Prediction(ModelRef("numbers"), {"image": image}))
    body = b"".join(parts)
    more = [("inference-header-content-length", str(length))]
    client = await H2Client.connect(int(numbers_server.http.rpartition(":")[2]))

    async def rows_of_runs(requests: int) -> list[int]:
        path = infer_path(ModelRef("numbers"))
        numbers = [client.begin_later(path, end=False, more=more) for _ in range(requests)]
        for number in numbers:
            client.h2.send_data(number, body, end_stream=True)
        client.flush()
        answers = [await client.answer(number) for number in numbers]
        return [int(answer.headers[b"easel-batch-rows"]) for answer in answers]

    assert await rows_of_runs(1) == [1]
    assert max(await rows_of_runs(4)) > 1
    client.close()
