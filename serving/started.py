"""What a start has come to, as a value: told by a worker to its supervisor, and to people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Started:
    """What a start has come to.

    Attributes:
        address: ``host:port`` of gRPC's port.
        http: The same of HTTP's; either protocol is answered on both.
        local: Path of the Unix domain socket; empty without one.
        is_encrypted: Whether gRPC's port speaks TLS.
        is_http_encrypted: Whether HTTP's does.
        ready: Servables that can be called, as ``numbers/1``.
        failed: Servables that cannot, and why.
    """

    address: str
    http: str
    local: str
    is_encrypted: bool
    is_http_encrypted: bool
    ready: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
