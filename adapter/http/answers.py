"""What goes back over HTTP when something fails: one shape for all."""

from __future__ import annotations

import logging
import math
from functools import lru_cache
from typing import Literal
from wsgiref.types import WSGIEnvironment

import msgspec
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.http import parse_accept_header
from werkzeug.wsgi import get_path_info

from adapter.http.exchange import note_of
from adapter.http.operations import Reply
from adapter.messages import LANGUAGES, Say, about
from model_store.errors import BadVersion, Code, EaselError, Overloaded, ServiceUnavailable

logger = logging.getLogger(__name__)

Header = tuple[str, str]

RETRY_AFTER_S = 2
RETRYABLE = {Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED}
# What is remembered of callers' text is short.
_LONGEST_LANGUAGES = 512
_DAMAGED = "the model's files are damaged; our log says how"
_KNOWS_WHEN = (Overloaded, ServiceUnavailable)
_BY_HTTP_STATUS = {
    404: (Code.NOT_FOUND, Say.NOT_FOUND),
    405: (Code.UNIMPLEMENTED, Say.BAD_REQUEST),
    413: (Code.INVALID_ARGUMENT, Say.TOO_LARGE),
}


class Reason(msgspec.Struct, frozen=True):
    """What went wrong, for developers: always English."""

    code: str
    message: str


class Failure(msgspec.Struct, frozen=True):
    """What every failure looks like; ``label`` is the text "null", as the first version had it."""

    error: Reason
    label: Literal["null"]
    msg: str


def language(environ: WSGIEnvironment) -> str:
    """The caller's language out of Accept-Language; English when nothing fits."""
    return _language_of(environ.get("HTTP_ACCEPT_LANGUAGE", "")[:_LONGEST_LANGUAGES])


@lru_cache(maxsize=256)
def _language_of(accepted: str) -> str:
    """Browsers send the same few texts again and again."""
    return parse_accept_header(accepted, LanguageAccept).best_match(LANGUAGES) or LANGUAGES[0]


def failure(
    environ: WSGIEnvironment, code: Code, message: str, say: Say, status: int, *more: Header
) -> Reply:
    """The answer to a request that failed, with *more* headers."""
    note_of(environ).outcome = code.name
    body = Failure(Reason(code.name, message), "null", say.in_language(language(environ)))
    return Reply(msgspec.json.encode(body), status=status, headers=more)


def to_failure(environ: WSGIEnvironment, error: Exception) -> Reply:
    """The answer to a request for which *error* was raised: ours, HTTP's, or one nobody expected."""
    if isinstance(error, EaselError):
        return _of_ours(environ, error)
    if isinstance(error, HTTPException):
        return _of_http(environ, error)
    logger.error("%s failed", get_path_info(environ), exc_info=error)
    return failure(environ, Code.INTERNAL, "internal error", Say.FAILED, 500)


def _of_ours(environ: WSGIEnvironment, error: EaselError) -> Reply:
    if error.code is Code.INTERNAL:
        logger.error("%s failed: %s", get_path_info(environ), error)
    more: list[Header] = []
    if error.code in RETRYABLE:
        after_s = error.retry_after_s if isinstance(error, _KNOWS_WHEN) else RETRY_AFTER_S
        more.append(("Retry-After", str(math.ceil(after_s))))
    if error.code is Code.UNAUTHENTICATED:
        more.append(("WWW-Authenticate", "Bearer"))
    # What is wrong with a file of ours is told with its path.
    message = _DAMAGED if isinstance(error, BadVersion) else str(error)
    return failure(environ, error.code, message, about(error), error.code.http, *more)


def _of_http(environ: WSGIEnvironment, error: HTTPException) -> Reply:
    """What Flask or Werkzeug has seen."""
    status = error.code or 500
    code, say = _BY_HTTP_STATUS.get(status, (Code.INVALID_ARGUMENT, Say.BAD_REQUEST))
    more = [("Allow", value) for name, value in error.get_headers() if name == "Allow"]
    return failure(environ, code, _reason(environ, error), say, status, *more)


def _reason(environ: WSGIEnvironment, error: HTTPException) -> str:
    """What to do about it."""
    if isinstance(error, MethodNotAllowed):
        there = " or ".join(sorted({"GET", "POST"} & set(error.valid_methods or ())))
        return (
            f"{environ['REQUEST_METHOD']} is not for this address; use {there or 'another method'}"
        )
    if isinstance(error, NotFound):
        path = get_path_info(environ)[:200]
        return f"there is nothing at {path!a}; /docs says what there is"
    return error.description or error.name
