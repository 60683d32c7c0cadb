"""Pages of other origins: those on the allow-list may call.

Flask-CORS does the same, and takes 25 us of every request for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from wsgiref.types import WSGIEnvironment

from adapter.access.origins import ANY, read_origins
from adapter.http.exchange import ID_HEADER, TRACE_HEADER
from adapter.http.guard import KEY_HEADER
from adapter.http.reading import TIMEOUT_HEADER

Headers = list[tuple[str, str]]

_PATHS = ("/api/", "/openapi.json", "/healthz", "/readyz")
_SENT = ("Authorization", "Content-Type", KEY_HEADER, ID_HEADER, TIMEOUT_HEADER, TRACE_HEADER)
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, POST"),
    ("Access-Control-Allow-Headers", ", ".join(_SENT)),
    ("Access-Control-Max-Age", "600"),
    ("Content-Length", "0"),
)
_READ = (
    f"{ID_HEADER}, Retry-After, RateLimit, RateLimit-Policy,"
    " Content-Language, X-Degraded, X-Speech-Engine, X-Speech-Voice"
)


@dataclass(frozen=True, slots=True)
class Cors:
    """Who may call.

    Attributes:
        origins: Exactly as browsers send them; ``*`` alone for all.
        has_credentials: Whether browsers may send cookies along; never with ``*``.
    """

    origins: frozenset[str]
    has_credentials: bool

    def is_preflight(self, environ: WSGIEnvironment) -> bool:
        """Whether a browser asks if its page, which may call, may send what it wants to send."""
        return (
            environ["REQUEST_METHOD"] == "OPTIONS"
            and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
            and self._allowed(environ) is not None
        )

    def preflight_headers(self) -> Headers:
        """The answer to that question, without those that ``add`` adds."""
        return list(_PREFLIGHT)

    def add(self, environ: WSGIEnvironment, headers: Headers) -> None:
        """Let the page that asked read the answer, if it may."""
        if not environ["PATH_INFO"].startswith(_PATHS):
            return
        if ANY not in self.origins:
            headers.append(("Vary", "Origin"))
        origin = self._allowed(environ)
        if origin is None:
            return
        headers.append(("Access-Control-Allow-Origin", origin))
        headers.append(("Access-Control-Expose-Headers", _READ))
        if self.has_credentials:
            headers.append(("Access-Control-Allow-Credentials", "true"))

    def _allowed(self, environ: WSGIEnvironment) -> str | None:
        origin: str | None = environ.get("HTTP_ORIGIN")
        if origin is None or not environ["PATH_INFO"].startswith(_PATHS):
            return None
        if ANY in self.origins:
            return ANY
        return origin if origin in self.origins else None


def read_cors(origins: Sequence[str], *, has_credentials: bool) -> Cors | None:
    """The allow-list as settings have it; None where it is empty.

    Raises:
        InvalidRequest: It is wrong.
    """
    known = read_origins(origins, with_credentials=has_credentials)
    return Cors(frozenset(known), has_credentials) if known else None
