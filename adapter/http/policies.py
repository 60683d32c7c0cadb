"""What browsers may do with our answers."""

from __future__ import annotations

from flask import Response

# Styles that a script sets are no inline styles; `data:` is how Swagger UI has its arrows.
_PAGE = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'"


def protect_page(response: Response) -> Response:
    """A page and its files: nothing comes from elsewhere, and nobody frames it."""
    response.headers["Content-Security-Policy"] = _PAGE
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
