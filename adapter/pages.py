"""The drawing page and its files."""

from __future__ import annotations

from flask import Blueprint, Response

from adapter.http.policies import protect_page


def build_blueprint() -> Blueprint:
    """``/`` and ``/static``."""
    blueprint = Blueprint(
        "pages", __name__, static_folder="pages/static", static_url_path="/static"
    )

    @blueprint.get("/")
    def draw() -> Response:
        with blueprint.open_resource("pages/index.html") as page:
            return Response(page.read(), content_type="text/html; charset=utf-8")

    blueprint.after_request(protect_page)
    return blueprint
