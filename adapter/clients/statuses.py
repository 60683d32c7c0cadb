"""A gRPC failure becomes one of ours, in one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import grpc

from model_store import errors

BY_STATUS: Mapping[grpc.StatusCode, type[errors.EaselError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidRequest,
    grpc.StatusCode.FAILED_PRECONDITION: errors.SignatureNotFound,
    grpc.StatusCode.NOT_FOUND: errors.ServableNotFound,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.Overloaded,
    grpc.StatusCode.UNAVAILABLE: errors.ServerUnreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.UNIMPLEMENTED: errors.Unsupported,
}


@contextmanager
def as_easel_errors(address: str) -> Iterator[None]:
    """Raise ours for a gRPC failure; a status we have no class for is INTERNAL."""
    try:
        yield
    except grpc.RpcError as error:
        kind = BY_STATUS.get(error.code(), errors.EaselError)
        if kind is errors.ServerUnreachable:
            raise kind(f"the model server at {address} does not answer") from error
        raise kind(error.details() or error.code().name) from error
