"""What a failure looks like from outside, for every transport."""

from __future__ import annotations

import json
import logging
import math

from model_store.errors import (
    Code,
    EaselError,
    MessageTooLarge,
    Overloaded,
    RegionExists,
    UnknownEncoding,
)
from serving.services.http import HttpResponse

logger = logging.getLogger(__name__)

# Where HTTP has a word of its own and google.rpc.Code, which decides otherwise, has none; and
# where Triton's clients have always got another.
_HTTP_STATUSES: dict[type[EaselError], int] = {
    MessageTooLarge: 413,
    UnknownEncoding: 415,
    RegionExists: 400,
}
# Codes that share a status are told apart by their order: the first is the usual one.
_BY_STATUS = {code.http: code for code in reversed(Code)} | {500: Code.INTERNAL}
_RETRIED = {Code.RESOURCE_EXHAUSTED.http, Code.UNAVAILABLE.http}


def status_of(error: Exception) -> tuple[Code, str]:
    """A failure's code and message; what is not ours is logged and shown as a bare INTERNAL."""
    if isinstance(error, EaselError):
        return error.code, str(error)
    logger.error("a call failed", exc_info=error)
    return Code.INTERNAL, "internal error"


def http_status_of(error: Exception, code: Code) -> int:
    """The status of a failure with *code*, in HTTP's own words where it has them."""
    own = (status for kind, status in _HTTP_STATUSES.items() if isinstance(error, kind))
    return next(own, code.http)


def failure(error: Exception) -> tuple[HttpResponse, Code, str]:
    """A failure as a response over HTTP, with its code and message."""
    code, message = status_of(error)
    response = json_error(http_status_of(error, code), message, retry_after(error))
    return response, code, message


def code_of(status: int) -> Code:
    """The nearest code to an HTTP status that an API chose itself."""
    if status < 400:
        return Code.OK
    return _BY_STATUS.get(status, Code.INVALID_ARGUMENT if status < 500 else Code.INTERNAL)


def retry_after(error: Exception) -> int:
    """Whole seconds after which the same request may succeed."""
    return math.ceil(error.retry_after_s) if isinstance(error, Overloaded) else 1


def json_error(status: int, message: str, retry_after_s: int = 1) -> HttpResponse:
    """``{"error": message}``; where the same request may succeed later, with Retry-After."""
    headers = ((b"retry-after", b"%d" % retry_after_s),) if status in _RETRIED else ()
    return HttpResponse(json.dumps({"error": message}).encode(), status, headers=headers)
