"""One contract over all clients and real servers: Easel, Triton, KServe and TorchServe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import numpy as np
import pytest

from adapter.ports import ModelServer
from model_store.errors import DeadlineExceeded, InvalidRequest, ServableNotFound
from tests.adapter.clients.grpc_server import opened
from tests.adapter.clients.sums import LIVE, MODEL, OTHER, sums_of

ROWS = np.arange(12, dtype=np.uint8).reshape(3, 2, 2, 1)


@pytest.fixture(scope="module")
def connect():
    """Opens clients, and closes them in the end."""
    with ExitStack() as stack:
        yield lambda *entries, **files: stack.enter_context(closing(opened(*entries, **files)))


@pytest.fixture(scope="module")
def tfs_easel(connect, easel_sums):
    return connect(f"tfs://{easel_sums.address}")


@pytest.fixture(scope="module")
def oip_easel(connect, easel_sums):
    return connect(f"oip://{easel_sums.address}")


@pytest.fixture(scope="module")
def oip_triton(connect, triton_sums):
    return connect(f"oip://{triton_sums.grpc}")


@pytest.fixture(scope="module")
def http_easel(connect, easel_sums):
    return connect(f"oip+http://{easel_sums.http}")


@pytest.fixture(scope="module")
def http_triton(connect, triton_sums):
    return connect(f"oip+http://{triton_sums.http}")


@pytest.fixture(scope="module")
def oip_kserve(connect, kserve_sums):
    # It does not say which version answers, so the setting does.
    return connect(f"{MODEL}/{LIVE}=oip://{kserve_sums}", f"oip://{kserve_sums}")


@pytest.fixture(scope="module")
def torchserve(connect, torchserve_sums):
    return connect(f"torchserve://{torchserve_sums.grpc}", token_file=str(torchserve_sums.keys))


@pytest.fixture(scope="module")
def torchserve_rest(connect, torchserve_sums):
    address, keys = torchserve_sums.rest, str(torchserve_sums.keys)
    return connect(f"torchserve+http://{address}", token_file=keys)


ALL = [
    "tfs_easel", "oip_easel", "http_easel", "oip_triton", "http_triton", "oip_kserve",
    "torchserve", "torchserve_rest",
]  # fmt: skip


@pytest.fixture(params=ALL)
def server(request) -> ModelServer:
    return request.getfixturevalue(request.param)


def ask(server, version=None, rows=ROWS, model=MODEL):
    return server.predict(model, version, {"image": rows}, timeout_s=60)


@pytest.mark.parametrize("asked", [None, LIVE])
def test_a_batch_is_answered_with_the_version_that_ran_it(server, asked):
    scores = ask(server, asked)
    assert scores.version == LIVE
    (output,) = scores.outputs.values()
    assert output.dtype == np.float32
    assert np.array_equal(output, sums_of(ROWS, LIVE))


# KServe has no versions.
@pytest.mark.parametrize("server", [name for name in ALL if name != "oip_kserve"], indirect=True)
def test_a_version_that_is_not_live_is_asked_for_by_its_number(server):
    scores = ask(server, OTHER)
    assert scores.version == OTHER
    (output,) = scores.outputs.values()
    assert np.array_equal(output, sums_of(ROWS, OTHER))


def test_a_batch_of_one_and_a_large_one(server):
    for count in (1, 20_000):
        rows = np.random.default_rng(count).integers(0, 256, (count, 2, 2, 1), np.uint8)
        (output,) = ask(server, rows=rows).outputs.values()
        assert np.array_equal(output, sums_of(rows, LIVE))


@pytest.mark.parametrize(("name", "number"), [("cats", None), (MODEL, 9), ("cats", 1)])
def test_a_model_or_version_that_is_not_there_is_not_found(server, name, number):
    with pytest.raises(ServableNotFound, match=f"{name}|{number}"):
        ask(server, number, model=name)


@pytest.mark.parametrize(
    "inputs",
    [
        {"image": ROWS.astype(np.float32) + 0.5},
        {"image": ROWS[:, :1]},
        {"picture": ROWS},
    ],
    ids=["dtype", "shape", "name"],
)
def test_inputs_that_the_model_does_not_take_are_an_invalid_request(server, inputs):
    with pytest.raises(InvalidRequest):
        server.predict(MODEL, None, inputs, timeout_s=60)
    assert ask(server).version == LIVE


# Not of Triton: its gRPC front ends now and then when a client leaves in the middle of a call.
@pytest.mark.parametrize("server", [name for name in ALL if name != "oip_triton"], indirect=True)
def test_no_answer_in_time_is_a_deadline_exceeded(server):
    ask(server)
    with pytest.raises(DeadlineExceeded):
        rows = np.zeros((300_000, 2, 2, 1), np.uint8)
        server.predict(MODEL, None, {"image": rows}, timeout_s=0.001)
    assert ask(server).version == LIVE


def test_it_is_ready(server):
    assert server.is_ready(timeout_s=60)
    assert set(server.health(timeout_s=60).values()) == {None}


def test_many_threads_get_each_their_own_rows(server):
    def own_rows(value):
        rows = np.full((1, 2, 2, 1), value, np.uint8)
        (output,) = ask(server, rows=rows).outputs.values()
        return output[0, 0]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(own_rows, range(60))) == [value * 4 for value in range(60)]
