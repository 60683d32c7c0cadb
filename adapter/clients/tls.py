"""TLS to model servers, of the settings' files: for gRPC's channels and for HTTP."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from model_store.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files, each empty for none.

    Attributes:
        ca: Who signs the servers' certificates; the system's authorities if empty.
        certificate: Ours, for servers that ask for one.
        key: Its private key.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""


def check_files(files: TlsFiles) -> None:
    """Raise InvalidRequest unless the files can be read and belong together."""
    http_context(files)


def http_context(files: TlsFiles) -> ssl.SSLContext:
    """What encrypts HTTP.

    Raises:
        InvalidRequest: A file cannot be read, or certificate and key do not belong together.
    """
    if bool(files.certificate) != bool(files.key):
        raise InvalidRequest(
            "a client certificate needs its key: set both model_server_certificate "
            "and model_server_key"
        )
    try:
        context = ssl.create_default_context(cafile=files.ca or None)
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            f"model_server_ca {files.ca} is no PEM file of certificates: {error}"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.certificate:
        try:
            context.load_cert_chain(files.certificate, files.key)
        except (OSError, ValueError) as error:
            raise InvalidRequest(
                f"{files.certificate} and {files.key} are no certificate with its key: {error}"
            ) from error
    return context


def grpc_credentials(files: TlsFiles) -> grpc.ChannelCredentials:
    """What encrypts gRPC; the files were checked.

    Raises:
        InvalidRequest: A file cannot be read any more.
    """
    return grpc.ssl_channel_credentials(
        _read(files.ca), private_key=_read(files.key), certificate_chain=_read(files.certificate)
    )


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes() if path else None
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error}") from error
