"""What browsers may do with our answers, and how long anybody may keep them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, request

from adapter.http.exchange import note_of

# Swagger UI has its arrows as `data:`; what a page has drawn or heard is a `blob:`.
_PAGE = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALLOWED = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
_ALL = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
_DATA = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
_KEEP_NOTHING = ("Cache-Control", "no-store")


@dataclass(frozen=True, slots=True)
class Policies:
    """Headers of every answer.

    Attributes:
        hsts_s: Seconds for which browsers are to come by HTTPS only; 0 to say nothing.
    """

    hsts_s: int = 0

    def add(self, headers: list[tuple[str, str]]) -> None:
        """Add what is not there; an answer that is no page may do nothing and is not kept."""
        names = {name.lower() for name, _ in headers}
        headers.extend(_ALL)
        if "content-security-policy" not in names:
            headers.append(_DATA)
            if "cache-control" not in names:
                headers.append(_KEEP_NOTHING)
        if self.hsts_s > 0:
            headers.append(("Strict-Transport-Security", f"max-age={self.hsts_s}"))


def protect_page(response: Response) -> Response:
    """A page and its files: nothing comes from elsewhere, and nobody frames it."""
    note_of(request.environ).service = "pages"
    headers = response.headers
    headers["Content-Security-Policy"] = _PAGE
    headers["Permissions-Policy"] = _ALLOWED
    # Asked for each time, and told if nothing has changed.
    headers.setdefault("Cache-Control", "no-cache")
    return response
