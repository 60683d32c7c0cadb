"""What goes back over HTTP when something fails: one shape for all."""

from __future__ import annotations

import logging
import math
from functools import lru_cache
from typing import Literal

import msgspec
from flask import Flask, Response, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.http import parse_accept_header

from adapter.http.exchange import current
from adapter.messages import LANGUAGES, Say, about
from model_store.errors import BadVersion, Code, EaselError, Overloaded, ServiceUnavailable

logger = logging.getLogger(__name__)

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


def language() -> str:
    """The caller's language out of Accept-Language; English when nothing fits."""
    return _language_of(request.environ.get("HTTP_ACCEPT_LANGUAGE", "")[:_LONGEST_LANGUAGES])


@lru_cache(maxsize=256)
def _language_of(accepted: str) -> str:
    """Browsers send the same few texts again and again."""
    return parse_accept_header(accepted, LanguageAccept).best_match(LANGUAGES) or LANGUAGES[0]


def failure(
    code: Code, message: str, say: Say, status: int, retry_after_s: float = RETRY_AFTER_S
) -> Response:
    """The answer to a request that failed."""
    current().outcome = code.name
    body = Failure(Reason(code.name, message), "null", say.in_language(language()))
    response = Response(msgspec.json.encode(body), status, content_type="application/json")
    if code in RETRYABLE:
        response.headers["Retry-After"] = str(math.ceil(retry_after_s))
    return response


def _reason(app: Flask, error: HTTPException) -> str:
    """What to do about a failure that Flask itself has seen."""
    if error.code == 413:
        return f"the body is larger than {app.config['MAX_CONTENT_LENGTH']} bytes"
    if isinstance(error, MethodNotAllowed):
        there = " or ".join(sorted({"GET", "POST"} & set(error.valid_methods or ())))
        return f"{request.method} is not for this address; use {there or 'another method'}"
    if isinstance(error, NotFound):
        return f"there is nothing at {request.path[:200]!a}; /docs says what there is"
    return error.description or error.name


def install_error_handlers(app: Flask) -> None:
    """Answer our failures, Flask's, and those nobody expected, in the one shape."""

    @app.errorhandler(EaselError)
    def answer_error(error: EaselError) -> Response:
        if error.code is Code.INTERNAL:
            logger.error("%s failed: %s", request.path, error)
        after_s = error.retry_after_s if isinstance(error, _KNOWS_WHEN) else RETRY_AFTER_S
        # What is wrong with a file of ours is told with its path.
        message = _DAMAGED if isinstance(error, BadVersion) else str(error)
        response = failure(error.code, message, about(error), error.code.http, after_s)
        if error.code is Code.UNAUTHENTICATED:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    @app.errorhandler(HTTPException)
    def answer_http(error: HTTPException) -> Response:
        status = error.code or 500
        code, say = _BY_HTTP_STATUS.get(status, (Code.INVALID_ARGUMENT, Say.BAD_REQUEST))
        response = failure(code, _reason(app, error), say, status)
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def answer_bug(error: Exception) -> Response:
        logger.error("%s failed", request.path, exc_info=error)
        return failure(Code.INTERNAL, "internal error", Say.FAILED, 500)
