"""gRPC's channel to one place, and calls on it whose failures are ours."""

from __future__ import annotations

import grpc

from adapter.clients.places import Place
from adapter.clients.tls import grpc_credentials

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Also how long one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # A peer that vanished without a word: seen while a call waits, and by what is not
    # acknowledged.  Not oftener, or servers that follow gRPC's rules end the connection.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    # A proxy for the outside world has no business between adapter and model server.
    ("grpc.enable_http_proxy", 0),
    # ``balancing`` tries again, on another server.
    ("grpc.enable_retries", 0),
)


def open_channel(place: Place) -> grpc.Channel:
    """A channel; it connects with the first call.

    Raises:
        InvalidRequest: A file of the encryption cannot be read.
    """
    options = (*_OPTIONS, ("grpc.default_authority", place.authority))
    if place.tls is None:
        return grpc.insecure_channel(_target(place), options)
    options = (*options, ("grpc.ssl_target_name_override", place.name))
    return grpc.secure_channel(_target(place), grpc_credentials(place.tls), options)


def _target(place: Place) -> str:
    if place.address.is_socket_file:
        return f"unix:{place.address.host}"
    if ":" in place.ip:
        return f"ipv6:[{place.ip}]:{place.address.port}"
    return f"ipv4:{place.ip}:{place.address.port}"
