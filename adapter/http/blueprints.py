"""Operations become Flask's routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from adapter.deadline import Deadline
from adapter.http.answers import failure, language
from adapter.http.exchange import current, note_answer
from adapter.http.guard import Guard
from adapter.http.operations import Asked, Operation, Service, Takes
from adapter.http.reading import read_deadline, read_json, read_picture, to_options
from adapter.http.turns import Turns
from adapter.messages import Say
from model_store.errors import Code

_encode = msgspec.json.Encoder().encode


def to_blueprint(service: Service, timeout_s: float, guard: Guard, turns: Turns) -> Blueprint:
    """The service's routes, which *guard* lets callers in to and *turns* lets work.

    Where a picture is to be posted, a GET is told so with a 400, as the first version did.
    """
    blueprint = Blueprint(service.name, __name__)
    taken = {(operation.method, operation.path) for operation in service.operations}
    for operation in service.operations:
        view = _view(service.name, operation, timeout_s, guard, turns)
        blueprint.add_url_rule(operation.path, operation.name, view, methods=[operation.method])
        if operation.takes is Takes.PICTURE and ("GET", operation.path) not in taken:
            blueprint.add_url_rule(
                operation.path, f"{operation.name}-get", _use_post, methods=["GET"]
            )
    return blueprint


def _view(
    service: str, operation: Operation, timeout_s: float, guard: Guard, turns: Turns
) -> Callable[..., Response]:
    # Whoever only looks need not wait for those who work.
    is_work = operation.takes is not Takes.QUERY

    def view(**path: str) -> Response:
        note = current()
        note.service = service
        guard.admit(request.environ, note, operation.scope)
        if is_work:
            with turns.reading(note.caller):
                asked = _asked(operation, path, timeout_s)
            with turns.working(asked.deadline):
                answer = operation.handle(asked)
        else:
            answer = operation.handle(_asked(operation, path, timeout_s))
        note_answer(note, answer)
        if isinstance(answer, Response):
            return answer
        return Response(_encode(answer), content_type="application/json")

    return view


def _asked(operation: Operation, path: dict[str, str], timeout_s: float) -> Asked[Any]:
    theirs = read_deadline(request)
    picture, options = b"", None
    match operation.takes:
        case Takes.PICTURE:
            picture, options = read_picture(request, operation.options)
        case Takes.JSON:
            options = read_json(request, operation.options)
        case Takes.QUERY:
            options = to_options(request.args, operation.options)
    # Ours begins when the body is there: a photograph takes its time from a telephone.
    ours = Deadline.after(timeout_s)
    deadline = ours if theirs is None or ours.at < theirs.at else theirs
    return Asked(options, path, picture, language(), deadline, current().request_id)


def _use_post(**_: str) -> Response:
    return failure(Code.INVALID_ARGUMENT, "use POST", Say.USE_POST, 400)
