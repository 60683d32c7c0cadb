"""``/openapi.json``, and ``/docs``, where it can be read and tried.

The page is Swagger UI, out of a package on this machine: nothing is loaded from elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from threading import Lock

import msgspec
from flask import Blueprint, Response, request, send_from_directory

from adapter.http.openapi import Json, document
from adapter.http.operations import Service
from adapter.http.policies import protect_page
from model_store.errors import ServableNotFound

_ASSETS = ("swagger-ui-bundle.js", "swagger-ui.css")


class Written:
    """The document as text; those who ask within ``FRESH_S`` seconds share one.

    It is made anew, because the store may have got another model, and takes some 20 ms.
    """

    FRESH_S = 1.0

    def __init__(
        self, make: Callable[[str], Json], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """*make* makes the document for a root; *clock* gives seconds."""
        self._make = make
        self._clock = clock
        self._lock = Lock()
        # By where the application is mounted, which is the operator's choice: there are few.
        self._known: dict[str, tuple[float, bytes]] = {}

    def text(self, root: str) -> bytes:
        """The document's JSON for an application that is mounted at *root*."""
        with self._lock:
            known = self._known.get(root)
            if known is None or self._clock() >= known[0] + self.FRESH_S:
                known = (self._clock(), msgspec.json.encode(self._make(root)))
                self._known[root] = known
            return known[1]


def build_blueprint(services: Sequence[Service], *, has_keys: bool) -> Blueprint:
    """The document of *services*, and the page that shows it."""
    blueprint = Blueprint("docs", __name__)
    folder = str(files("flask_swagger_ui") / "dist")

    written = Written(lambda root: document(services, has_keys=has_keys, root=root))

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        text = written.text(request.script_root or "/")
        return Response(text, content_type="application/json")

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
