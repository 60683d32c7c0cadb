"""The Flask application: services, health, pages, and one shape for every failure."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response
from flask.json.provider import DefaultJSONProvider

from adapter import pages
from adapter.answers import RETRY_AFTER_S, install_error_handlers
from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.config import AdapterConfig
from adapter.ports import ModelServer
from adapter.services import numbers
from model_store.errors import InvalidRequest
from model_store.preprocess import ImageLimits

SERVICES = {"numbers": numbers.build_blueprint}
_READY_TIMEOUT_S = 1.0


class _Json(DefaultJSONProvider):
    """Keys in the order they were written, Korean as itself."""

    sort_keys = False
    ensure_ascii = False

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON; too many brackets are bad JSON, not a bug of ours."""
        try:
            return super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def create_app(config: AdapterConfig, server: ModelServer) -> Flask:
    """Put the application together; nothing is opened before the first request.

    Raises:
        InvalidRequest: A service is asked for that does not exist.
    """
    # No folder of Flask's own: static files belong to the pages.
    app = Flask("adapter", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.max_body_bytes
    app.json = _Json(app)
    classifier = Classifier(
        Catalogue(config.store), server, ImageLimits(config.max_pixels), config.timeout_s
    )
    for name in config.services:
        if name not in SERVICES:
            raise InvalidRequest(f"no service {name!r}; there are {', '.join(SERVICES)}")
        app.register_blueprint(SERVICES[name](classifier))
    app.register_blueprint(pages.build_blueprint())
    install_error_handlers(app)
    _install_health(app, server)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app


def _install_health(app: Flask, server: ModelServer) -> None:
    @app.get("/healthz")
    def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    def ready() -> tuple[dict[str, str], int, dict[str, str]]:
        if server.is_ready(timeout_s=_READY_TIMEOUT_S):
            return {"status": "ok"}, 200, {}
        missing = {"status": "not ready", "missing": "model server"}
        return missing, 503, {"Retry-After": str(RETRY_AFTER_S)}
