"""A model server's failure becomes one of ours, in one place."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import grpc

from adapter.clients.places import Place
from model_store import errors

logger = logging.getLogger(__name__)

BY_STATUS: Mapping[grpc.StatusCode, type[errors.EaselError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
    grpc.StatusCode.FAILED_PRECONDITION: errors.SignatureNotFound,
    grpc.StatusCode.NOT_FOUND: errors.ServableNotFound,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Overloaded,
    grpc.StatusCode.UNAVAILABLE: errors.ServerUnreachable,
    # We cancel none: gRPC itself does, when a process forks beside a call that begins.
    grpc.StatusCode.CANCELLED: errors.ServerUnreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
}
_PUSHBACK = "grpc-retry-pushback-ms"


def to_easel_error(error: grpc.RpcError, place: Place) -> errors.EaselError:
    """What to raise for a gRPC call that failed."""
    status, details = error.code(), error.details()
    kind = BY_STATUS.get(status)
    if kind is errors.ServerUnreachable:
        return unreachable(place, details)
    if kind is errors.Overloaded:
        return errors.Overloaded(details or status.name, retry_after_s=_retry_after_s(error))
    if kind is not None:
        return kind(details or status.name)
    failure = failed(place, status.name, details)
    if status is grpc.StatusCode.UNIMPLEMENTED:
        return errors.ServerFailed(
            "the model server does not speak this protocol; model_servers says which one it is"
        )
    return failure


def _retry_after_s(error: grpc.RpcError) -> float:
    for name, value in error.trailing_metadata() or ():
        if name == _PUSHBACK and str(value).isdigit():
            return int(value) / 1000
    return 1.0


def unreachable(place: Place, reason: object) -> errors.ServerUnreachable:
    """What to raise where nobody answers, or the one who does is not ready."""
    logger.info("no answer from the model server at %s: %s", place, reason)
    return errors.ServerUnreachable("the model server does not answer")


def failed(place: Place, status: object, words: object) -> errors.ServerFailed:
    """What to raise for a failure that is the server's own.

    Its *words* are for the log: they may tell of its insides, and no caller of ours can mend it.
    """
    logger.error("the model server at %s failed: %s: %s", place, status, words)
    return errors.ServerFailed("the model server failed; its log and ours say why")


def no_answer(place: Place, reason: object) -> errors.ServerFailed:
    """What to raise for an answer that is none: the server's fault, not the caller's."""
    logger.error("the model server at %s does not answer as one: %s", place, reason)
    return errors.ServerFailed("the server does not answer as a model server")
