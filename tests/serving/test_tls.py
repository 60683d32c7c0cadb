"""TF Serving's file with keys and certificates: gRPC's port is encrypted, HTTP's is not."""

from __future__ import annotations

import http.client
from pathlib import Path

import grpc
import pytest
import trustme

from model_store.errors import InvalidRequest
from serving.api import oip
from serving.api.protos import tensorflow_serving_config_pb2 as pb
from serving.config import ServerConfig
from serving.tls import read_tls
from tests.support import BUNDLED_STORE, running_server


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def write(path: Path, authority: trustme.CA, **changes: object) -> str:
    """The file, in protobuf's text format."""
    server = authority.issue_cert("127.0.0.1")
    texts = {
        "server_key": server.private_key_pem.bytes().decode(),
        "server_cert": "".join(blob.bytes().decode() for blob in server.cert_chain_pems),
        **changes,
    }
    path.write_text(str(pb.SSLConfig(**texts)), "utf-8")
    return str(path)


def is_live(address: str, authority: trustme.CA, client: trustme.LeafCert | None = None) -> bool:
    key = client.private_key_pem.bytes() if client else None
    chain = client.cert_chain_pems[0].bytes() if client else None
    trusted = authority.cert_pem.bytes()
    credentials = grpc.ssl_channel_credentials(trusted, key, chain)
    with grpc.secure_channel(address, credentials) as channel:
        try:
            return bool(channel.unary_unary(oip.SERVER_LIVE)(b"", timeout=5))
        except grpc.RpcError:
            return False


def status(address: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    finally:
        connection.close()


def test_grpc_is_encrypted_and_http_is_not(tmp_path, authority):
    file = write(tmp_path / "ssl.config", authority)
    with running_server(BUNDLED_STORE, ssl_config_file=file) as server:
        assert (server.started.is_encrypted, server.started.is_http_encrypted) == (True, False)
        assert is_live(server.address, authority)
        assert not is_live(server.address, trustme.CA())
        assert status(server.http) == 200
        with pytest.raises((http.client.HTTPException, OSError)):
            status(server.address)


def test_clients_are_verified_where_the_file_says_so(tmp_path, authority):
    custom_ca = authority.cert_pem.bytes().decode()
    file = write(tmp_path / "ssl.config", authority, custom_ca=custom_ca, client_verify=True)
    with running_server(BUNDLED_STORE, ssl_config_file=file) as server:
        assert is_live(server.address, authority, authority.issue_cert("client"))
        assert not is_live(server.address, authority, trustme.CA().issue_cert("client"))
        assert not is_live(server.address, authority)


def test_a_port_for_both_is_encrypted(tmp_path, authority):
    file = write(tmp_path / "ssl.config", authority)
    with running_server(BUNDLED_STORE) as other:
        port = int(other.address.rpartition(":")[2])
    settings = {"port": port, "rest_api_port": port, "ssl_config_file": file}
    with running_server(BUNDLED_STORE, **settings) as server:
        assert is_live(server.address, authority)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"server_key": "no key"}, "server_cert is no certificate with server_key"),
        ({"custom_ca": "no ca", "client_verify": True}, "custom_ca holds no certificates"),
        ({"server_cert": ""}, "server_cert is missing"),
    ],
)
def test_an_unusable_file_says_what_is_wrong(tmp_path, authority, changes, words):
    file = write(tmp_path / "ssl.config", authority, **changes)
    with pytest.raises(InvalidRequest, match=words):
        read_tls(ServerConfig(ssl_config_file=file))


def test_two_sources_of_certificates_are_refused(tmp_path, authority):
    server = authority.issue_cert("127.0.0.1")
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    server.private_key_pem.write_to_path(str(key))
    chain.write_bytes(server.cert_chain_pems[0].bytes())
    file = write(tmp_path / "ssl.config", authority)
    config = ServerConfig(ssl_config_file=file, tls_certificate=str(chain), tls_key=str(key))
    with pytest.raises(InvalidRequest, match="not from both"):
        read_tls(config)
