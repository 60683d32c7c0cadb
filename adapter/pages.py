"""The drawing page and its files."""

from __future__ import annotations

from flask import Blueprint, Response

_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"


def build_blueprint() -> Blueprint:
    """``/`` and ``/static``."""
    blueprint = Blueprint(
        "pages", __name__, static_folder="pages/static", static_url_path="/static"
    )

    @blueprint.get("/")
    def draw() -> Response:
        with blueprint.open_resource("pages/index.html") as page:
            return Response(page.read(), content_type="text/html; charset=utf-8")

    @blueprint.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return blueprint
