"""TLS of the two ports, from the settings' files.

Our own settings encrypt both ports; ``ssl_config_file`` encrypts gRPC's alone, as it does
in TF Serving, whose REST port has no TLS.
"""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from model_store.errors import InvalidRequest
from serving.config import ServerConfig
from serving.services.tfs_config import SslConfig, read_ssl_file
from serving.sockets.server import ALPN


@dataclass(frozen=True, slots=True)
class Tls:
    """What encrypts each port; None for nothing."""

    grpc: ssl.SSLContext | None
    http: ssl.SSLContext | None


def read_tls(config: ServerConfig) -> Tls:
    """TLS as the settings want it.

    Raises:
        InvalidRequest: They are incomplete or contradict each other, or a file is unusable.
    """
    both = _own_context(config)
    if not config.ssl_config_file:
        return Tls(both, both)
    if both is not None:
        raise InvalidRequest("TLS comes from --ssl_config_file or --tls_certificate, not from both")
    try:
        text = Path(config.ssl_config_file).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"ssl_config_file {config.ssl_config_file} cannot be read: {error}"
        ) from error
    return Tls(_context_of(read_ssl_file(text)), None)


def _own_context(config: ServerConfig) -> ssl.SSLContext | None:
    certificate, key, client_ca = config.tls_certificate, config.tls_key, config.tls_client_ca
    if not certificate and not key and not client_ca:
        return None
    if not certificate or not key:
        raise InvalidRequest("TLS needs both --tls_certificate and --tls_key")
    context = _new_context()
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"{certificate} and {key} are no certificate with its key: {error}"
        ) from error
    if client_ca:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ValueError) as error:
            raise InvalidRequest(f"{client_ca} holds no certificates: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _context_of(found: SslConfig) -> ssl.SSLContext:
    context = _new_context()
    # ssl takes these two from files only; nobody else can look into this folder.
    with tempfile.TemporaryDirectory(prefix="easel-tls-") as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        certificate.write_text(found.server_cert, "utf-8")
        key.write_text(found.server_key, "utf-8")
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ValueError) as error:
            raise InvalidRequest(
                f"ssl_config_file: server_cert is no certificate with server_key: {error}"
            ) from error
    if found.client_verify:
        try:
            context.load_verify_locations(cadata=found.custom_ca)
        except (OSError, ValueError) as error:
            raise InvalidRequest(
                f"ssl_config_file: custom_ca holds no certificates: {error}"
            ) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(ALPN))
    return context
