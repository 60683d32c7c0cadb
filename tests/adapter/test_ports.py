"""One contract for every ModelServer: the fake and the real clients keep the same promises."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from adapter.ports import ModelServer
from model_store.errors import (
    DeadlineExceeded,
    InvalidRequest,
    Overloaded,
    ServableNotFound,
    ServableNotReady,
    ServerFailed,
)
from model_store.spec import ModelVersion, TensorSpec
from tests.adapter.clients.grpc_server import OipHandler, TfsHandler, opened, serving
from tests.adapter.clients.http_server import HttpModels, serving_http
from tests.fakes import FakeModelServer, FakeServable

IMAGE = TensorSpec("image", "uint8", (None, 2, 2, 1))
ROWS = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)


def sums(inputs):
    """Two scores a row: the sum of its pixels, and its negative."""
    total = inputs["image"].sum(axis=(1, 2, 3), dtype=np.float32)
    return {"scores": np.stack([total, -total], axis=1)}


@pytest.fixture
def behind():
    """What stands behind the port in every case."""
    servable = FakeServable(IMAGE, sums)
    loaded = {ModelVersion("numbers", number): servable for number in (1, 2, 3)}
    return FakeModelServer(loaded, live={"numbers": 2})


@pytest.fixture
def tfs_server(behind):
    with serving(TfsHandler(behind)) as address:
        yield opened(f"tfs://{address}")


@pytest.fixture
def oip_server(behind):
    with serving(OipHandler(behind)) as address:
        yield opened(f"oip://{address}")


@pytest.fixture
def http_server(behind):
    with serving_http(HttpModels(behind)) as address:
        with closing(opened(f"oip+http://{address}")) as server:
            yield server


@pytest.fixture
def fake_server(behind):
    return behind


@pytest.fixture(params=["fake", "tfs", "oip", "http"])
def server(request) -> ModelServer:
    return request.getfixturevalue(f"{request.param}_server")


def test_a_whole_batch_is_answered_with_the_version_that_ran_it(server):
    scores = server.predict("numbers", None, {"image": ROWS}, timeout_s=30)
    assert scores.version == 2
    assert list(scores.outputs) == ["scores"]
    assert scores.outputs["scores"].dtype == np.float32
    assert np.array_equal(scores.outputs["scores"], sums({"image": ROWS})["scores"])


@pytest.mark.parametrize("number", [1, 3])
def test_a_version_that_is_asked_for_is_the_one_that_answers(server, number):
    assert server.predict("numbers", number, {"image": ROWS}, timeout_s=30).version == number


def test_an_empty_batch_is_an_empty_answer(server):
    scores = server.predict("numbers", None, {"image": ROWS[:0]}, timeout_s=30)
    assert scores.outputs["scores"].shape == (0, 2)


@pytest.mark.parametrize(("name", "number"), [("cats", None), ("numbers", 9), ("cats", 1)])
def test_a_model_or_version_that_is_not_there_is_not_found(server, name, number):
    with pytest.raises(ServableNotFound):
        server.predict(name, number, {"image": ROWS}, timeout_s=30)


@pytest.mark.parametrize(
    "inputs",
    [
        {"image": ROWS.astype(np.float32)},
        {"image": ROWS[:, :1]},
        {"picture": ROWS},
        {"image": ROWS, "more": ROWS},
        {},
    ],
    ids=["dtype", "shape", "name", "one too many", "none"],
)
def test_inputs_that_the_signature_does_not_ask_for_are_an_invalid_request(server, inputs):
    with pytest.raises(InvalidRequest):
        server.predict("numbers", None, inputs, timeout_s=30)


@pytest.mark.parametrize(
    "kind", [Overloaded, ServableNotReady, ServableNotFound, InvalidRequest, DeadlineExceeded]
)
def test_a_refusal_comes_back_as_its_class(server, behind, kind):
    behind.failure = kind("because")
    with pytest.raises(kind):
        server.predict("numbers", None, {"image": ROWS}, timeout_s=30)


def test_a_failure_of_the_servers_own_comes_back_as_one(server, behind):
    behind.failure = ServerFailed("the graph failed")
    with pytest.raises(ServerFailed):
        server.predict("numbers", None, {"image": ROWS}, timeout_s=30)


def test_no_answer_in_time_is_a_deadline_exceeded(server, behind):
    behind.takes_s = 60
    with pytest.raises(DeadlineExceeded):
        server.predict("numbers", None, {"image": ROWS}, timeout_s=0.2)


def test_ready_and_not_ready_and_too_slow_to_say(server, behind):
    assert server.is_ready(timeout_s=30)
    behind.failure = ServableNotReady("loading")
    assert not server.is_ready(timeout_s=30)
    behind.failure = None
    behind.takes_s = 60
    assert not server.is_ready(timeout_s=0.2)


def test_health_names_who_is_missing_and_why(server, behind):
    assert server.health(timeout_s=30) == {"model server": None}
    behind.failure = ServableNotReady("loading")
    (reason,) = server.health(timeout_s=30).values()
    assert "does not answer" in reason


def test_a_server_may_be_closed_at_any_time_and_twice(server):
    server.predict("numbers", None, {"image": ROWS}, timeout_s=30)
    server.close()
    server.close()


def test_inputs_are_not_changed(server):
    rows = ROWS.copy()
    server.predict("numbers", None, {"image": rows}, timeout_s=30)
    assert np.array_equal(rows, ROWS)
