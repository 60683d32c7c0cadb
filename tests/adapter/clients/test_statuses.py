"""A gRPC failure becomes one of ours."""

from __future__ import annotations

import grpc
import pytest

from adapter.clients.places import Place
from adapter.clients.servers import Address
from adapter.clients.statuses import BY_STATUS, to_easel_error
from model_store.errors import Code, EaselError, Overloaded, ServerFailed, ServerUnreachable

PLACE = Place(Address("serving", 8500), "10.0.0.7")


class Failed(grpc.RpcError):
    """What a call raises: a status, perhaps details, perhaps trailing metadata."""

    def __init__(self, status: grpc.StatusCode, details: str | None, *trailers) -> None:
        super().__init__()
        self.code = lambda: status
        self.details = lambda: details
        self.trailing_metadata = lambda: trailers or None


def translated(status: grpc.StatusCode, details: str | None = "details") -> EaselError:
    return to_easel_error(Failed(status, details), PLACE)


@pytest.mark.parametrize("status", grpc.StatusCode, ids=lambda status: status.name)
def test_every_status_is_one_of_our_errors(status):
    assert str(translated(status))


@pytest.mark.parametrize(
    ("status", "kind"),
    [each for each in BY_STATUS.items() if each[0] is not grpc.StatusCode.CANCELLED],
    ids=str,
)
def test_a_status_that_has_a_class_keeps_its_code(status, kind):
    error = translated(status)
    assert type(error) is kind
    assert error.code is Code[status.name]


@pytest.mark.parametrize("status", ["UNKNOWN", "INTERNAL", "ABORTED", "DATA_LOSS", "UNIMPLEMENTED"])
def test_a_failure_of_the_servers_own_goes_to_the_log_and_not_to_the_caller(status, caplog):
    error = translated(grpc.StatusCode[status], "/srv/secret.onnx: node 7")
    assert type(error) is ServerFailed
    assert "secret" not in str(error)
    assert f"serving:8500 (10.0.0.7) failed: {status}: /srv/secret.onnx: node 7" in caplog.text


def test_the_servers_words_are_kept_and_an_empty_message_is_filled():
    assert str(translated(grpc.StatusCode.NOT_FOUND, "no model cats")) == "no model cats"
    assert str(translated(grpc.StatusCode.NOT_FOUND, "")) == "NOT_FOUND"
    assert str(translated(grpc.StatusCode.NOT_FOUND, None)) == "NOT_FOUND"


def test_where_a_server_is_that_does_not_answer_is_not_told():
    error = translated(grpc.StatusCode.UNAVAILABLE, "ipv4:10.0.0.7:8500: connect: refused")
    assert isinstance(error, ServerUnreachable)
    assert str(error) == "the model server does not answer"


@pytest.mark.parametrize(("value", "seconds"), [("250", 0.25), ("-1", 1.0), ("soon", 1.0)])
def test_a_full_server_may_say_when_to_come_back(value, seconds):
    error = Failed(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", ("grpc-retry-pushback-ms", value))
    found = to_easel_error(error, PLACE)
    assert isinstance(found, Overloaded)
    assert found.retry_after_s == seconds
