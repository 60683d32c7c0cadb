"""Google's failures become ours, in one place.

What Google says of us (projects, accounts, billing) goes to the log; what it says of the
request goes to the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.rpc import error_details_pb2

from model_store.errors import (
    AccessRefused,
    BadAnswer,
    Code,
    DeadlineExceeded,
    EaselError,
    InvalidRequest,
    QuotaExceeded,
    ServiceUnreachable,
)

logger = logging.getLogger(__name__)

_QUOTA_PAUSE_S = 30.0
ACCESS_PAUSE_S = 30.0
_THE_REQUESTS_FAULT = {
    Code.INVALID_ARGUMENT.grpc_number,
    Code.NOT_FOUND.grpc_number,
    grpc.StatusCode.OUT_OF_RANGE.value[0],
}
_OUR_FAULT = {Code.UNAUTHENTICATED.grpc_number, Code.PERMISSION_DENIED.grpc_number,
              Code.FAILED_PRECONDITION.grpc_number}  # fmt: skip
# gRPC calls it UNAVAILABLE when credentials give no token; only its words tell.
_WITHOUT_ACCESS = "Getting metadata from plugin failed"
# And RESOURCE_EXHAUSTED when it is we who find an answer too long.
_TOO_LONG = "Received message larger than max"


@contextmanager
def as_easel_errors(service: str) -> Iterator[None]:
    """Raise ours for a failure of Google's library in a call to *service*."""
    try:
        yield
    except GoogleAPICallError as error:
        number = error.grpc_status_code.value[0] if error.grpc_status_code else -1
        raise failure(service, number, str(error.message), error.details) from error
    except GoogleAuthError as error:
        logger.warning("%s: no access: %s", service, error)
        raise _no_access(service) from error


def failure(service: str, number: int, message: str, details: Sequence[Any] = ()) -> EaselError:
    """Ours for gRPC status *number*, be it a call's or a single picture's."""
    if number in _THE_REQUESTS_FAULT:
        return InvalidRequest(f"{service}: {message}")
    if number == Code.DEADLINE_EXCEEDED.grpc_number:
        return DeadlineExceeded(f"{service} did not answer in time")
    logger.warning("%s failed with status %d: %s", service, number, message)
    if number == Code.RESOURCE_EXHAUSTED.grpc_number and _TOO_LONG not in message:
        return QuotaExceeded(f"{service}: the quota is used up", retry_after_s=_pause_s(details))
    if number in _OUR_FAULT or message.startswith(_WITHOUT_ACCESS):
        return _no_access(service)
    if number == Code.UNAVAILABLE.grpc_number:
        return ServiceUnreachable(f"{service} does not answer")
    return BadAnswer(f"{service} failed")


def _no_access(service: str) -> AccessRefused:
    return AccessRefused(f"{service} does not let us in", retry_after_s=ACCESS_PAUSE_S)


def _pause_s(details: Sequence[Any]) -> float:
    """What the answer itself says about when to come back."""
    for detail in details:
        if isinstance(detail, error_details_pb2.RetryInfo):
            asked_s: float = detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9
            return min(max(asked_s, 1.0), 3600.0)
    return _QUOTA_PAUSE_S
