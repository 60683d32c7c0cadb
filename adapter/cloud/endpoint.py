"""Where a service of Google's is, as data: known before its library is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service is.

    Attributes:
        target: Host and port.
        is_plaintext: No TLS and so no credentials: an emulator's.
        tls_ca: PEM file of who signs the server's certificate; None for the public ones.
    """

    target: str
    is_plaintext: bool = False
    tls_ca: Path | None = None
