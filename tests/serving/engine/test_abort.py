"""A run that nobody waits for ends, and its thread is free again."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from model_store.spec import Signature, TensorSpec
from serving.engine.onnx_runtime import OrtSession
from tests.serving.engine.sessions import batcher
from tests.support import save_graph

COUNTS = Signature((TensorSpec("n", "int64", (1,)),), (TensorSpec("y", "float32", (1,)),))
FOREVER = 1 << 50


@pytest.fixture(scope="module")
def endless(tmp_path_factory) -> OrtSession:
    """A graph that goes round *n* times; asked for enough, it never comes back."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Mul", ["carried", "factor"], ["scaled"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("scaled", TensorProto.FLOAT, [1]),
        ],
        [numpy_helper.from_array(np.float32([0.5]), "factor")],
    )
    graph = helper.make_graph(
        [
            helper.make_node("Squeeze", ["n"], ["rounds"]),
            helper.make_node("Loop", ["rounds", "yes", "one"], ["y"], body=body),
        ],
        "endless",
        [helper.make_tensor_value_info("n", TensorProto.INT64, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [
            numpy_helper.from_array(np.array(True), "yes"),
            numpy_helper.from_array(np.float32([1]), "one"),
        ],
    )
    path = tmp_path_factory.mktemp("endless") / "model.onnx"
    save_graph(path, graph)
    return OrtSession(path, intra_op_threads=1)


class Begun:
    """A session that says when a run begins."""

    def __init__(self, session: OrtSession) -> None:
        self.session = session
        self.begun = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def run(self, outputs, inputs, abort=None):
        self.loop.call_soon_threadsafe(self.begun.set)
        return self.session.run(outputs, inputs, abort)


async def test_the_thread_of_a_run_that_nobody_waits_for_is_free_again(endless):
    session = Begun(endless)
    with ThreadPoolExecutor(1) as pool:  # one thread, so that the next run needs it
        queue = batcher(session, pool, signature=COUNTS, row_s=1.0, lanes=1)
        lost = asyncio.create_task(queue.run({"n": np.array([FOREVER])}, ("y",), None))
        await session.begun.wait()
        lost.cancel()
        with pytest.raises(asyncio.CancelledError):
            await lost
        (answer,), _ = await queue.run({"n": np.array([3])}, ("y",), None)
        assert answer.tolist() == [0.125]


async def test_a_run_that_ended_early_does_not_count_as_a_cheap_one(endless):
    session = Begun(endless)
    with ThreadPoolExecutor(1) as pool:
        queue = batcher(session, pool, signature=COUNTS, row_s=1.0, lanes=1)
        before = queue._worst_row_s
        lost = asyncio.create_task(queue.run({"n": np.array([FOREVER])}, ("y",), None))
        await session.begun.wait()
        lost.cancel()
        await asyncio.wait([lost])
        while queue._in_threads:
            await asyncio.sleep(0.001)
        assert queue._worst_row_s == before
