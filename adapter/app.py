"""The Flask application: services, health, pages, and one shape for every failure."""

from __future__ import annotations

from flask import Flask, Response, request

from adapter import pages
from adapter.http import docs, health
from adapter.http.answers import install_error_handlers
from adapter.http.blueprints import to_blueprint
from adapter.http.ids import REQUEST_ID_HEADER, request_id
from adapter.http.operations import Service
from adapter.http.recording import recorded
from adapter.parts import Parts
from adapter.services import SERVICES, ops
from model_store.errors import InvalidRequest


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
    services = (*_chosen(parts), ops.build(parts), health.build(parts))
    for service in services:
        app.register_blueprint(to_blueprint(recorded(service, parts.recorder), config.timeout_s))
    app.register_blueprint(pages.build_blueprint(services))
    app.register_blueprint(docs.build_blueprint(services, has_keys=False))
    install_error_handlers(app)
    if parts.recorder is not None:
        # Not before the first request: servers fork.
        app.before_request(parts.recorder.wake)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers[REQUEST_ID_HEADER] = request_id(request)
        return response

    return app


def _chosen(parts: Parts) -> tuple[Service, ...]:
    names = parts.settings.adapter.services
    if unknown := sorted(set(names) - SERVICES.keys()):
        raise InvalidRequest(f"no service {unknown[0]!r}; there are {', '.join(SERVICES)}")
    return tuple(SERVICES[name](parts) for name in names)
