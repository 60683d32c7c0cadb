"""A gRPC channel to a service of Google's, with application default credentials."""

from __future__ import annotations

import logging
from pathlib import Path

import google.auth
import grpc
from google.api_core import grpc_helpers
from google.auth.exceptions import GoogleAuthError

from adapter.cloud.endpoint import Endpoint
from adapter.cloud.statuses import ACCESS_PAUSE_S
from model_store.errors import AccessRefused

logger = logging.getLogger(__name__)

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_OPTIONS = (
    # An hour of speech as WAV is longer than gRPC's own limit of 4 MiB.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
    # Balancers forget connections that are silent for some minutes, and tell nobody.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 5_000),
)


# The library reads files of any content and trips over some.
_UNUSABLE = (GoogleAuthError, OSError, ValueError, AttributeError, KeyError, TypeError)


def open_channel(endpoint: Endpoint) -> grpc.Channel:
    """A channel to *endpoint*; nothing is connected before its first call.

    Raises:
        AccessRefused: There are no default credentials, or they, or the file of authorities,
            cannot be read.
    """
    if endpoint.is_plaintext:
        return grpc.insecure_channel(endpoint.target, _OPTIONS)
    try:
        # With scopes these are OAuth tokens for every kind of credentials.
        credentials, _ = google.auth.default(scopes=SCOPES)
    except _UNUSABLE as error:
        logger.warning("Google's default credentials cannot be used: %s", error)
        raise AccessRefused(
            "there are no usable Google credentials here", retry_after_s=ACCESS_PAUSE_S
        ) from error
    return grpc_helpers.create_channel(
        endpoint.target,
        credentials=credentials,
        ssl_credentials=grpc.ssl_channel_credentials(_authorities(endpoint.tls_ca)),
        options=_OPTIONS,
    )


def _authorities(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        # No mistake of the caller's, who need not know our files.
        logger.error("google.tls_ca: %s cannot be read: %s", path, error)
        raise AccessRefused(
            "there are no usable authorities for Google's certificates here",
            retry_after_s=ACCESS_PAUSE_S,
        ) from error
