"""Cross-origin requests: what a browser wants to read before a page may call."""

from __future__ import annotations

from collections.abc import Mapping

from serving.services.http import HttpResponse

_ANY_ORIGIN = (b"access-control-allow-origin", b"*")
# All of an answer's headers: the binary tensors' length, gRPC-Web's status, timings.
_READABLE = (b"access-control-expose-headers", b"*, grpc-status, grpc-message")
_METHODS = (b"access-control-allow-methods", b"GET, HEAD, POST, OPTIONS")
_A_DAY = (b"access-control-max-age", b"86400")


def is_preflight(method: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser asks if it may ask."""
    return method == "OPTIONS" and b"access-control-request-method" in headers


def preflight_response(headers: Mapping[bytes, bytes]) -> HttpResponse:
    """Yes, with whichever headers."""
    wanted = headers.get(b"access-control-request-headers", b"content-type")
    allowed = (_ANY_ORIGIN, _METHODS, (b"access-control-allow-headers", wanted), _A_DAY)
    return HttpResponse(b"", 204, headers=allowed)


def cross_origin_headers(headers: Mapping[bytes, bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """What lets a page read the answer to a request with *headers*."""
    return (_ANY_ORIGIN, _READABLE) if b"origin" in headers else ()
