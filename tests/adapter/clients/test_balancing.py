"""Several servers behind one port: turns, failures, and coming back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import grpc
import numpy as np
import pytest

from adapter.clients.opening import open_servers
from adapter.clients.servers import parse_servers
from model_store import errors
from model_store.spec import ModelVersion
from tests.adapter.clients.grpc_server import TfsHandler, opened, serving
from tests.adapter.stores import sure_of
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT

BLANK = {"image": np.zeros((1, 28, 28, 1), np.uint8)}
NUMBERS = {ModelVersion("numbers", 1): sure_of(3, DIGIT)}


class Unavailable(TfsHandler):
    """Counts, and does not answer, predictions; says that it is ready, or not."""

    def __init__(self, *, is_ready: bool) -> None:
        super().__init__(FakeModelServer())
        self.is_healthy, self.asked = is_ready, 0

    def predict(self, data, context):
        self.asked += 1
        context.abort(grpc.StatusCode.UNAVAILABLE, "go away")

    def is_ready(self, context):
        return self.is_healthy


@pytest.fixture
def handlers():
    return [TfsHandler(FakeModelServer(NUMBERS)) for _ in range(3)]


@pytest.fixture
def addresses(handlers):
    with ExitStack() as stack:
        yield [stack.enter_context(serving(handler)) for handler in handlers]


@pytest.fixture
def client(addresses):
    client = opened(f"tfs://{';'.join(addresses)}")
    yield client
    client.close()


def ask(client, timeout_s=30.0):
    return client.predict("numbers", None, BLANK, timeout_s=timeout_s)


def test_servers_take_turns(client, handlers):
    for _ in range(12):
        ask(client)
    assert [len(handler.behind.calls) for handler in handlers] == [4, 4, 4]


def test_a_server_that_ends_under_load_costs_no_request(handlers):
    with serving(handlers[0]) as first, ExitStack() as second:
        client = opened(f"tfs://{first};{second.enter_context(serving(handlers[1]))}")
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(ask, client) for _ in range(400)]
            answers[40].result()
            second.close()
            assert {answer.result().version for answer in answers} == {1}
        client.close()
    assert len(handlers[1].behind.calls) < len(handlers[0].behind.calls)


def test_a_server_that_comes_back_is_asked_again(handlers):
    with serving(handlers[0]) as first:
        with serving(handlers[1]) as second:
            client = opened(f"tfs://{first};{second}")
            ask(client)
        for _ in range(4):
            ask(client)
        before = len(handlers[1].behind.calls)
        with serving(handlers[1], second):
            while len(handlers[1].behind.calls) == before:
                ask(client)
        client.close()


def test_what_one_server_does_not_answer_is_asked_of_another(handlers):
    failing = Unavailable(is_ready=True)
    with serving(failing) as first, serving(handlers[0]) as second:
        client = opened(f"tfs://{first};{second}")
        for _ in range(10):
            assert ask(client).version == 1
        client.close()
    assert failing.asked


def test_a_server_that_is_not_ready_is_left_out_before_it_fails_anybody(handlers):
    handlers[0].is_ready = lambda _: False
    with serving(handlers[0]) as first, serving(handlers[1]) as second:
        client = opened(f"tfs://{first};{second}")
        calls, before = handlers[0].behind.calls, -1
        while len(calls) > before:  # until two in a row, one turn each, pass it by
            before = len(calls)
            ask(client)
            ask(client)
        client.close()


def test_where_all_are_left_out_all_are_asked(handlers):
    for handler in handlers:
        handler.is_ready = lambda _: False
    with ExitStack() as stack:
        places = [stack.enter_context(serving(handler)) for handler in handlers]
        client = opened(f"tfs://{';'.join(places)}")
        assert not client.is_ready(timeout_s=30)
        assert ask(client).version == 1
        client.close()


def test_no_more_than_three_servers_are_asked():
    failing = [Unavailable(is_ready=False) for _ in range(5)]
    with ExitStack() as stack:
        places = [stack.enter_context(serving(handler)) for handler in failing]
        client = opened(f"tfs://{';'.join(places)}")
        with pytest.raises(errors.ServerUnreachable):
            ask(client)
        client.close()
    assert sum(handler.asked for handler in failing) == 3
    assert max(handler.asked for handler in failing) == 1


def test_what_a_server_says_of_the_request_is_not_asked_of_another(client, handlers):
    with pytest.raises(errors.ServableNotFound):
        client.predict("cats", None, BLANK, timeout_s=30)
    assert sum(len(handler.behind.calls) for handler in handlers) == 1


def test_all_tries_together_have_the_callers_time(handlers):
    handlers[0].behind.takes_s = 60
    failing = Unavailable(is_ready=True)
    with serving(failing) as first, serving(handlers[0]) as second:
        client = opened(f"tfs://{first};{second}")
        for _ in range(2):
            with pytest.raises(errors.DeadlineExceeded):
                ask(client, timeout_s=0.3)
        client.close()


def test_a_server_that_hangs_is_left_out_after_somebody_waited_for_it_in_vain(handlers):
    handlers[0].behind.takes_s = 60
    with serving(handlers[0]) as first, serving(handlers[1]) as second:
        client = opened(f"tfs://{first};{second}")
        row = 0
        while row < 4:  # answers without a wait between them
            try:
                ask(client, timeout_s=0.2)
                row += 1
            except errors.DeadlineExceeded:
                row = 0
        client.close()


def test_the_time_that_is_left_arrives_at_the_server(client, handlers):
    ask(client, timeout_s=17)
    (call,) = [call for handler in handlers for call in handler.behind.calls]
    assert 10 < call.timeout_s <= 17.1


def test_models_are_asked_of_their_own_servers_and_health_names_each(handlers):
    with serving(handlers[0]) as everyone, serving(handlers[1]) as own:
        client = opened(f"tfs://{everyone}", f"cats=tfs://{own}")
        ask(client)
        with pytest.raises(errors.ServableNotFound):
            client.predict("cats", None, BLANK, timeout_s=30)
        assert [len(handler.behind.calls) for handler in handlers] == [1, 1, 0]
        assert client.health(timeout_s=30) == {"model server": None, "model server of cats": None}
        handlers[1].behind.failure = errors.ServableNotReady("loading")
        reasons = client.health(timeout_s=30)
        assert reasons.pop("model server") is None
        assert "still loading" in reasons.pop("model server of cats")
        assert not client.is_ready(timeout_s=30)


def test_a_model_without_a_server_is_not_found_and_nobody_is_missed(addresses):
    groups = parse_servers([f"cats=tfs://{addresses[0]}"], "")
    client = open_servers(groups)
    with pytest.raises(errors.ServableNotFound, match="no model server is configured for the"):
        ask(client)
    assert client.health(timeout_s=30) == {"model server of cats": None}
    client.close()


def test_a_name_is_looked_up_to_all_its_addresses(handlers):
    # Here "localhost" may be 127.0.0.1 and ::1; nobody listens on the latter.
    with serving(handlers[0]) as address:
        client = opened(f"tfs://localhost:{address.rpartition(':')[2]}")
        for _ in range(6):
            assert ask(client).version == 1
        assert client.is_ready(timeout_s=30)
        client.close()
