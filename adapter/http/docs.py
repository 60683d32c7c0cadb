"""``/openapi.json``, and ``/docs``, where it can be read and tried.

The page is Swagger UI, out of a package on this machine: nothing is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from flask import Blueprint, Response, request, send_from_directory
from msgspec.json import encode

from adapter.fresh import Fresh
from adapter.http.guard import KEY_HEADER, Guard
from adapter.http.openapi import document
from adapter.http.operations import Service
from adapter.http.policies import protect_page
from model_store.errors import ServableNotFound

_ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css")


def build_blueprint(services: Sequence[Service], guard: Guard) -> Blueprint:
    """The document of *services*, as much of it as *guard* allows, and the page that shows it."""
    blueprint = Blueprint("docs", __name__)
    folder = str(files("flask_swagger_ui") / "dist")

    # Made anew, because the store may have got another model, and takes some 20 ms.  By where
    # the application is mounted, which is the operator's choice, and by scopes: there are few.
    @lru_cache(maxsize=64)
    def written(root: str, scopes: frozenset[str]) -> Fresh[bytes]:
        has_keys = guard.keys is not None
        return Fresh(lambda: encode(document(services, scopes, has_keys=has_keys, root=root)))

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        text = written(request.script_root or "/", guard.scopes(request.environ)).get()
        response = Response(text, content_type="application/json")
        if guard.keys is not None:
            response.vary.update(("Authorization", KEY_HEADER))
        return response

    @blueprint.get("/docs")
    def docs() -> Response:
        page = files("adapter").joinpath("pages", "docs.html").read_bytes()
        return protect_page(Response(page, content_type="text/html; charset=utf-8"))

    @blueprint.get("/docs/<name>")
    def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise ServableNotFound(f"there is no file {name!r}; the page is at /docs")
        return protect_page(send_from_directory(folder, name))

    return blueprint
