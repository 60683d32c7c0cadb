"""What services offer becomes Flask's routes, and Flask's failures have the one shape."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from adapter.http.answers import failure, to_failure
from adapter.http.endpoint import Endpoint, Rules
from adapter.http.operations import Reply, Service, Takes
from adapter.messages import Say
from model_store.errors import Code


def to_blueprint(service: Service, rules: Rules) -> Blueprint:
    """The service's routes.

    Where a picture is to be posted, a GET is told so with a 400, as the first version did.
    """
    blueprint = Blueprint(service.name, __name__)
    taken = {(operation.method, operation.path) for operation in service.operations}
    for operation in service.operations:
        view = _view(Endpoint(service.name, operation, rules))
        blueprint.add_url_rule(operation.path, operation.name, view, methods=[operation.method])
        if operation.takes is Takes.PICTURE and ("GET", operation.path) not in taken:
            blueprint.add_url_rule(
                operation.path, f"{operation.name}-get", _use_post, methods=["GET"]
            )
    return blueprint


def install_error_handlers(app: Flask) -> None:
    """Answer what fails outside of operations in the one shape too."""

    @app.errorhandler(HTTPException)
    @app.errorhandler(Exception)
    def answer_error(error: Exception) -> Response:
        return _to_response(to_failure(request.environ, error))


def _view(endpoint: Endpoint) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        return _to_response(endpoint.answer(request.environ, path))

    return view


def _use_post(**_: str) -> Response:
    reply = failure(request.environ, Code.INVALID_ARGUMENT, "use POST", Say.USE_POST, 400)
    return _to_response(reply)


def _to_response(reply: Reply) -> Response:
    return Response(
        reply.body, reply.status, headers=list(reply.headers), content_type=reply.content_type
    )
