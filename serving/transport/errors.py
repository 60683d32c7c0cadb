"""What a failure looks like from outside, for every transport."""

from __future__ import annotations

import json
import logging

from model_store.errors import Code, EaselError, MessageTooLarge, UnknownEncoding
from serving.services.http import HttpResponse

logger = logging.getLogger(__name__)

# Where HTTP has a word of its own and google.rpc.Code, which decides otherwise, has none.
_HTTP_STATUSES: dict[type[EaselError], int] = {MessageTooLarge: 413, UnknownEncoding: 415}
_RETRIED = {Code.RESOURCE_EXHAUSTED.http, Code.UNAVAILABLE.http}
_RETRY_AFTER = ((b"retry-after", b"1"),)


def status_of(error: Exception) -> tuple[Code, str]:
    """A failure's code and message; what is not ours is logged and shown as a bare INTERNAL."""
    if isinstance(error, EaselError):
        return error.code, str(error)
    logger.error("a call failed", exc_info=error)
    return Code.INTERNAL, "internal error"


def error_response(error: Exception) -> HttpResponse:
    """``{"error": message}`` with the failure's status, as both APIs have it."""
    code, message = status_of(error)
    status = next(
        (status for kind, status in _HTTP_STATUSES.items() if isinstance(error, kind)), code.http
    )
    return json_error(status, message)


def json_error(status: int, message: str) -> HttpResponse:
    """``{"error": message}``; where the same request may succeed later, with Retry-After."""
    headers = _RETRY_AFTER if status in _RETRIED else ()
    return HttpResponse(json.dumps({"error": message}).encode(), status, headers=headers)
