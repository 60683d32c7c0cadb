"""What can be asked over HTTP, said as data.

A service is a list of operations.  ``blueprints`` makes Flask's routes of them and validates
requests by their types; ``openapi`` describes the same types, so the document cannot lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

import msgspec

from adapter.access.keys import Scope
from adapter.deadline import Deadline

OptionsT = TypeVar("OptionsT")


class Takes(Enum):
    """Where the options of an operation come from."""

    QUERY = "query"
    """The address alone: ``?name=value``."""
    JSON = "json"
    """A JSON object in the body."""
    PICTURE = "picture"
    """A picture in any form that ``reading`` knows, with options beside it."""


class NoOptions(msgspec.Struct, frozen=True):
    """An operation that takes none."""


class Asked(msgspec.Struct, Generic[OptionsT], frozen=True):
    """One request, read and validated.

    Attributes:
        options: The operation's options.
        path: Parts of the address, by name.
        picture: The encoded picture; empty where none is taken.
        language: Which of ``messages.LANGUAGES`` the caller reads.
        deadline: Until when the caller waits.
        request_id: The answer's ``X-Request-Id``.
        accept: Which media types the caller takes, as it says it.
    """

    options: OptionsT
    path: Mapping[str, str]
    picture: bytes
    language: str
    deadline: Deadline
    request_id: str = ""
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back over HTTP.

    Attributes:
        body: Its bytes.
        content_type: What they are.
        status: HTTP's.
        headers: Others than those that say what and how long the body is.
    """

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


Handle = Callable[[Asked[Any]], msgspec.Struct | Reply]


@dataclass(frozen=True, slots=True)
class Operation:
    """One route.

    Attributes:
        method: HTTP's.
        path: As Flask writes it: ``/api/models/<name>``.
        name: OpenAPI's operationId, unique among all.
        summary: One line for developers.
        handle: Answers a request; a ``Reply`` passes as it is.
        answer: Of what type the JSON body of a good answer is; None where it has no JSON.
        takes: Where the options come from.
        options: Their type: a msgspec Struct, every field with a default unless it is required.
        media: Other media types that the answer may have, such as ``audio/wav``.
        scope: What a caller's key must allow; None for anybody.
        example: An answer as it really was given, for readers of the document.
        otherwise: Bodies that are no ``Failure``, by status.
        is_kept: Whether the request log, where it is on, keeps what it answers to pictures.
        instances: For a path with parts: the operations that it stands for now, one for each
            value, so that the document has them by name.
    """

    method: Literal["GET", "POST"]
    path: str
    name: str
    summary: str
    handle: Handle
    answer: type[msgspec.Struct] | None
    takes: Takes = Takes.QUERY
    options: type[msgspec.Struct] = NoOptions
    media: tuple[str, ...] = ()
    scope: Scope | None = "predict"
    example: msgspec.Struct | None = None
    otherwise: Mapping[int, type[msgspec.Struct]] = field(default_factory=dict)
    is_kept: bool = True
    instances: Callable[[], Iterable[Operation]] = tuple


@dataclass(frozen=True, slots=True)
class Service:
    """A named group of operations, which can run alone.

    Attributes:
        name: What it is called.
        operations: What can be asked.
        is_shown: Whether people are offered it on the page; programs are told why not.
    """

    name: str
    operations: tuple[Operation, ...]
    is_shown: bool = True
