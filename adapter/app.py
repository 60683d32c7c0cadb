"""The Flask application: services, health, pages, and one shape for every failure."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from adapter import pages
from adapter.http import docs, health
from adapter.http import metrics as scrape
from adapter.http.access_log import AccessLog
from adapter.http.blueprints import install_error_handlers, to_blueprint
from adapter.http.cors import read_cors
from adapter.http.endpoint import Rules, by_address
from adapter.http.front import Front
from adapter.http.guard import read_guard
from adapter.http.metrics import Metrics
from adapter.http.operations import Service
from adapter.http.policies import Policies
from adapter.http.recording import recorded
from adapter.parts import Parts
from adapter.services import SERVICES, check_services, ops


def create_app(parts: Parts, asks_to_leave: Callable[[], bool] | None = None) -> Flask:
    """Put the application together; nothing is opened before the first request.

    Args:
        parts: What its services are made of.
        asks_to_leave: Whether who is answered now is to leave the connection; None for never.

    Raises:
        InvalidRequest: A setting is wrong, or a service is asked for that does not exist.
        OSError: The access log cannot be opened.
    """
    config, access = parts.settings.adapter, parts.settings.access
    # No folder of Flask's own: static files belong to the pages.
    app = Flask("adapter", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = config.max_body_bytes
    metrics = Metrics()
    parts.outside.listeners.append(metrics.observe_outside)
    services = (
        *_chosen(parts),
        ops.build(parts, metrics),
        health.build(parts),
        scrape.build(metrics),
    )
    guard = read_guard(access)
    rules = Rules(config.timeout_s, config.max_body_bytes, guard, parts.turns)
    kept = [recorded(service, parts.recorder) for service in services]
    for service in kept:
        app.register_blueprint(to_blueprint(service, rules))
    app.register_blueprint(pages.build_blueprint(each for each in services if each.is_shown))
    app.register_blueprint(docs.build_blueprint(services, guard))
    install_error_handlers(app)
    if parts.recorder is not None:
        metrics.registry.register(parts.recorder.counter)
    app.wsgi_app = Front(  # type: ignore[method-assign]
        app=app.wsgi_app,
        endpoints=by_address(kept, rules),
        policies=Policies(access.hsts_s),
        cors=read_cors(access.allowed_origins, has_credentials=access.allow_credentials),
        metrics=metrics,
        log=AccessLog(access.log) if access.log else None,
        recorder=parts.recorder,
        asks_to_leave=asks_to_leave,
    )
    return app


def _chosen(parts: Parts) -> tuple[Service, ...]:
    names = parts.settings.adapter.services
    check_services(names)
    return tuple(SERVICES[name](parts) for name in names)
