"""What an HTTP API is, apart from any transport.

``serving.transport`` reads and writes; an API gets one request and gives one response, or
raises, and its path decides which API is asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from serving.services.methods import Call

JSON = b"application/json"
_NONE: Mapping[Any, Any] = MappingProxyType({})
# Says with a 405 that a page can only be read.
ALLOW_GET = (b"allow", b"GET, HEAD")


class HttpRequest(NamedTuple):
    """One request, read whole and decompressed.

    Attributes:
        method: In upper case.
        path: Without the query, percent-decoded.
        query: By name; of repeated names the last value.
        headers: Names in lower case.
        body: As it was before ``Content-Encoding``.
    """

    method: str
    path: str
    query: Mapping[str, str] = _NONE
    headers: Mapping[bytes, bytes] = _NONE
    body: bytes = b""


class HttpResponse(NamedTuple):
    """One response; length and compression are the transport's."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


HttpApi = Callable[[HttpRequest, Call], Awaitable[HttpResponse]]
# By the path's first part: "v1" for /v1/models/numbers.
HttpApis = Mapping[str, HttpApi]
