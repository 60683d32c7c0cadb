"""One operation over WSGI: a request's environment in, an answer out.

Knows no routes: ``blueprints`` makes Flask's of it, and ``front`` calls those that have an
address of their own at once, which saves a tenth of what a drawing takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from wsgiref.types import WSGIEnvironment

import msgspec
from werkzeug.exceptions import RequestEntityTooLarge

from adapter.deadline import Deadline
from adapter.http.answers import language, to_failure
from adapter.http.exchange import note_answer, note_of
from adapter.http.guard import Guard
from adapter.http.operations import Asked, Operation, Reply, Service, Takes
from adapter.http.reading import (
    read_deadline,
    read_json,
    read_picture,
    read_query,
    to_options,
)
from adapter.http.turns import Turns

_encode = msgspec.json.Encoder().encode
_NO_PARTS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for all operations of a process.

    Attributes:
        timeout_s: Until an answer.
        max_body_bytes: Of a request.
        guard: Lets callers in.
        turns: Lets them read, and work.
    """

    timeout_s: float
    max_body_bytes: int
    guard: Guard
    turns: Turns


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers one operation of a service."""

    service: str
    operation: Operation
    rules: Rules

    def answer(self, environ: WSGIEnvironment, path: Mapping[str, str] = _NO_PARTS) -> Reply:
        """Answer one request, also with what went wrong; *path* has the address' parts."""
        try:
            return self._answer(environ, path)
        except Exception as error:
            return to_failure(environ, error)

    def _answer(self, environ: WSGIEnvironment, path: Mapping[str, str]) -> Reply:
        note, rules, operation = note_of(environ), self.rules, self.operation
        note.service = self.service
        rules.guard.admit(environ, note, operation.scope)
        # Whoever only looks need not wait for those who work.
        if operation.takes is Takes.QUERY:
            answer = operation.handle(self._asked(environ, path))
        else:
            with rules.turns.reading(note.caller):
                asked = self._asked(environ, path)
            with rules.turns.working(asked.deadline):
                answer = operation.handle(asked)
        note_answer(note, answer)
        return answer if isinstance(answer, Reply) else Reply(_encode(answer))

    def _asked(self, environ: WSGIEnvironment, path: Mapping[str, str]) -> Asked[Any]:
        theirs = read_deadline(environ)
        picture, options = self._read(environ)
        # Ours begins when the body is there: a photograph takes its time from a telephone.
        ours = Deadline.after(self.rules.timeout_s)
        return Asked(
            options,
            path,
            picture,
            language(environ),
            ours if theirs is None or ours.at < theirs.at else theirs,
            note_of(environ).request_id,
            environ.get("HTTP_ACCEPT", ""),
        )

    def _read(self, environ: WSGIEnvironment) -> tuple[bytes, msgspec.Struct]:
        """The picture, empty where none is taken, and the options."""
        kind, most_bytes = self.operation.options, self.rules.max_body_bytes
        try:
            match self.operation.takes:
                case Takes.PICTURE:
                    return read_picture(environ, kind, most_bytes)
                case Takes.JSON:
                    return b"", read_json(environ, kind, most_bytes)
                case Takes.QUERY:
                    return b"", to_options(read_query(environ), kind)
        except RequestEntityTooLarge as error:
            raise RequestEntityTooLarge(f"the body is larger than {most_bytes} bytes") from error


def by_address(services: Iterable[Service], rules: Rules) -> dict[tuple[str, str], Endpoint]:
    """The endpoints whose address is always the same, by method and address."""
    return {
        (operation.method, operation.path): Endpoint(service.name, operation, rules)
        for service in services
        for operation in service.operations
        if "<" not in operation.path
    }
