"""A gRPC failure becomes one of ours."""

from __future__ import annotations

import grpc
import pytest

from adapter.clients.statuses import BY_STATUS, as_easel_errors
from model_store.errors import Code, EaselError, ServerUnreachable


class Failed(grpc.RpcError):
    """What a call raises: a status and perhaps details."""

    def __init__(self, status: grpc.StatusCode, details: str | None) -> None:
        super().__init__()
        self.code = lambda: status
        self.details = lambda: details


def translated(status: grpc.StatusCode, details: str | None = "details") -> EaselError:
    with pytest.raises(EaselError) as caught, as_easel_errors("10.0.0.7:8500"):
        raise Failed(status, details)
    assert isinstance(caught.value.__cause__, Failed)
    return caught.value


@pytest.mark.parametrize("status", grpc.StatusCode, ids=lambda status: status.name)
def test_every_status_is_one_of_our_errors(status):
    assert str(translated(status))


@pytest.mark.parametrize(("status", "kind"), BY_STATUS.items(), ids=str)
def test_a_status_that_has_a_class_keeps_its_code(status, kind):
    error = translated(status)
    assert type(error) is kind
    assert error.code is Code[status.name]


@pytest.mark.parametrize("status", ["UNKNOWN", "INTERNAL", "ABORTED", "DATA_LOSS", "CANCELLED"])
def test_a_status_without_a_class_is_internal(status):
    assert type(translated(grpc.StatusCode[status])) is EaselError


def test_the_servers_words_are_kept_and_an_empty_message_is_filled():
    assert str(translated(grpc.StatusCode.NOT_FOUND, "no model cats")) == "no model cats"
    assert str(translated(grpc.StatusCode.NOT_FOUND, "")) == "NOT_FOUND"
    assert str(translated(grpc.StatusCode.NOT_FOUND, None)) == "NOT_FOUND"


def test_a_server_that_cannot_be_reached_is_named_by_its_address():
    error = translated(grpc.StatusCode.UNAVAILABLE, "ipv4:10.0.0.7:8500: connect: refused")
    assert isinstance(error, ServerUnreachable)
    assert str(error) == "the model server at 10.0.0.7:8500 does not answer"


def test_what_is_no_failure_of_grpc_passes_through():
    with pytest.raises(ZeroDivisionError), as_easel_errors("x"):
        raise ZeroDivisionError
