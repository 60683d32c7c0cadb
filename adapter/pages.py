"""The pages that people look at, and their files."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from flask import Blueprint, Response

from adapter.http.operations import Service
from adapter.http.policies import protect_page


def build_blueprint(services: Iterable[Service]) -> Blueprint:
    """``/``, ``/ops`` and ``/static``; the first shows what *services* offer."""
    blueprint = Blueprint(
        "pages", __name__, static_folder="pages/static", static_url_path="/static"
    )
    offers = ",".join(f"{each.method} {each.path}" for one in services for each in one.operations)
    filled = {"{{offers}}": escape(offers)}

    @blueprint.get("/")
    def play() -> Response:
        return _page(blueprint, "index.html", filled)

    @blueprint.get("/ops")
    def operations() -> Response:
        return _page(blueprint, "ops.html", {})

    blueprint.after_request(protect_page)
    return blueprint


def _page(blueprint: Blueprint, name: str, filled: dict[str, str]) -> Response:
    with blueprint.open_resource(f"pages/{name}", "r") as file:
        text = file.read()
    for mark, value in filled.items():
        text = text.replace(mark, value)
    return Response(text, content_type="text/html; charset=utf-8")
