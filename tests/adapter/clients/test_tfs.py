"""The client of TF Serving's API against real gRPC servers, and against none."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest

from model_store import errors
from model_store.spec import ModelVersion
from serving.api import health, tfs
from tests.adapter.clients.grpc_server import TfsHandler, opened, serving
from tests.adapter.stores import spec_of, sure_of
from tests.fakes import FakeModelServer, FakeServable
from tests.model_store.pictures import DIGIT

ROOT = Path(__file__).parents[3]
BLANK = {"image": np.zeros((1, 28, 28, 1), np.uint8)}


@pytest.fixture
def handler():
    return TfsHandler(FakeModelServer({ModelVersion("numbers", 1): sure_of(3, DIGIT)}))


@pytest.fixture
def address(handler):
    with serving(handler) as address:
        yield address


@pytest.fixture
def unused():
    """An address that is kept and that nobody listens on."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{kept.getsockname()[1]}"


class Aborting(grpc.GenericRpcHandler):
    """Ends every call with one status."""

    def __init__(self, status: grpc.StatusCode) -> None:
        self._status = status
        self.calls = 0

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(self._abort)

    def _abort(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        self.calls += 1
        context.abort(self._status, f"it is {self._status.name}")


def ask(address: str, timeout_s: float = 30.0):
    return opened(f"tfs://{address}").predict("numbers", None, BLANK, timeout_s=timeout_s)


def test_nothing_is_opened_before_the_first_call():
    opened("tfs://no.such.host.invalid:8500")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("INVALID_ARGUMENT", errors.InvalidRequest),
        ("FAILED_PRECONDITION", errors.SignatureNotFound),
        ("NOT_FOUND", errors.ServableNotFound),
        ("RESOURCE_EXHAUSTED", errors.Overloaded),
        ("DEADLINE_EXCEEDED", errors.DeadlineExceeded),
    ],
)
def test_a_servers_status_is_our_error_with_the_servers_words(status, kind):
    refusing = Aborting(grpc.StatusCode[status])
    with serving(refusing) as address, pytest.raises(kind, match=f"it is {status}") as caught:
        ask(address)
    assert type(caught.value) is kind
    assert refusing.calls == 1


@pytest.mark.parametrize("status", ["INTERNAL", "UNKNOWN", "ABORTED", "UNAUTHENTICATED"])
def test_a_servers_own_failure_is_told_to_the_log_and_not_to_callers(status, caplog):
    with serving(Aborting(grpc.StatusCode[status])) as address:
        with pytest.raises(errors.ServerFailed, match="the model server failed"):
            ask(address)
    assert f"{address} failed: {status}: it is {status}" in caplog.text


def test_a_server_of_another_protocol_says_where_to_mend_it():
    with serving(Aborting(grpc.StatusCode.UNIMPLEMENTED)) as address:
        with pytest.raises(errors.ServerFailed, match="model_servers says which one it is"):
            ask(address)


def test_a_server_that_is_unavailable_is_asked_twice_and_then_given_up():
    refusing = Aborting(grpc.StatusCode.UNAVAILABLE)
    with serving(refusing) as address, pytest.raises(errors.ServerUnreachable):
        ask(address)
    assert refusing.calls == 2


def test_where_nobody_listens_the_answer_is_unreachable_and_not_a_deadline(unused):
    # The timeout is as long as the test may take: a client that waits for a server fails it.
    client = opened(f"tfs://{unused}")
    for _ in range(3):
        with pytest.raises(errors.ServerUnreachable, match="does not answer"):
            client.predict("numbers", None, BLANK, timeout_s=170)
    assert not client.is_ready(timeout_s=170)


def test_a_name_that_cannot_be_found_is_unreachable_whether_a_name_server_answers_or_not():
    with pytest.raises(errors.ServerUnreachable):
        ask("no.such.host.invalid:8500", timeout_s=1.0)


def test_a_program_that_speaks_no_grpc_is_unreachable_or_late():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises((errors.ServerUnreachable, errors.DeadlineExceeded)):
            ask(address, timeout_s=0.3)
        assert not opened(f"tfs://{address}").is_ready(timeout_s=0.3)


def test_an_answer_that_comes_too_late_is_a_deadline(handler, address):
    handler.behind.takes_s = 60
    with pytest.raises(errors.DeadlineExceeded):
        ask(address, timeout_s=0.2)


@pytest.mark.parametrize("garbage", [b"\xff", b"\x0a\xff\xff", bytes(range(64))])
def test_an_answer_that_is_none_is_the_servers_fault_and_not_the_callers(handler, address, garbage):
    handler.responses = {tfs.PREDICT: garbage, health.CHECK: garbage}
    with pytest.raises(errors.EaselError, match="does not answer as a model server") as caught:
        ask(address)
    assert caught.value.code is errors.Code.INTERNAL
    assert not opened(f"tfs://{address}").is_ready(timeout_s=30)


def test_a_server_without_a_health_service_is_not_ready():
    with serving(Aborting(grpc.StatusCode.UNIMPLEMENTED)) as address:
        assert not opened(f"tfs://{address}").is_ready(timeout_s=30)


def test_messages_above_grpcs_own_limit_of_4_megabytes_pass_both_ways():
    servable = FakeServable(
        spec_of(DIGIT), lambda inputs: {"scores": np.zeros((len(inputs["image"]), 200), np.float32)}
    )
    handler = TfsHandler(FakeModelServer({ModelVersion("numbers", 1): servable}))
    rows = np.zeros((6000, 28, 28, 1), np.uint8)
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(
            pool, handlers=[handler], options=[("grpc.max_receive_message_length", -1)]
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        client = opened(f"tfs://127.0.0.1:{port}")
        scores = client.predict("numbers", None, {"image": rows}, timeout_s=60)
        server.stop(None).wait()
    assert scores.outputs["scores"].shape == (6000, 200)


def test_many_threads_share_one_client(address):
    client = opened(f"tfs://{address}")
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(
            lambda _: client.predict("numbers", None, BLANK, timeout_s=30).version, range(64)
        )
        assert set(answers) == {1}


def test_a_server_that_comes_back_is_found_again(handler):
    with serving(handler) as address:
        client = opened(f"tfs://{address}")
        assert client.is_ready(timeout_s=30)
    with pytest.raises(errors.ServerUnreachable):
        client.predict("numbers", None, BLANK, timeout_s=30)
    with serving(handler, address):
        while not client.is_ready(timeout_s=30):
            pass
        assert client.predict("numbers", None, BLANK, timeout_s=30).version == 1
