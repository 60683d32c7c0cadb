"""The Flask application: services, health, pages, and one shape for every failure."""

from __future__ import annotations

from flask import Flask, Response

from adapter import pages
from adapter.http.answers import RETRY_AFTER_S, install_error_handlers
from adapter.http.blueprints import to_blueprint
from adapter.parts import Parts
from adapter.ports import ModelServer
from adapter.services import SERVICES
from model_store.errors import InvalidRequest

_READY_TIMEOUT_S = 1.0


def create_app(parts: Parts) -> Flask:
    """Put the application together; nothing is opened before the first request.

    Raises:
        InvalidRequest: A service is asked for that does not exist.
    """
    config = parts.settings.adapter
    # No folder of Flask's own: static files belong to the pages.
    app = Flask("adapter", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.max_body_bytes
    # A form without a file is held in memory, as every body is.
    app.config["MAX_FORM_MEMORY_SIZE"] = config.max_body_bytes
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    for name in config.services:
        if name not in SERVICES:
            raise InvalidRequest(f"no service {name!r}; there are {', '.join(SERVICES)}")
        app.register_blueprint(to_blueprint(SERVICES[name](parts), config.timeout_s))
    app.register_blueprint(pages.build_blueprint())
    install_error_handlers(app)
    _install_health(app, parts.server)

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
