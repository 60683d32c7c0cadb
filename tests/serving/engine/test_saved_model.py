"""SavedModels in their worker process: what goes through, what is refused, who may die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import BadVersion, Cancelled, InvalidRequest, ServableNotReady
from model_store.spec import Signature, TensorSpec
from serving.engine.saved_model import SavedModel
from serving.engine.session import Abort
from serving.engine.worker import Threads
from tests.serving.engine.graphs import ELEMENTS, strings

THREADS = Threads(intra_op=1, inter_op=2)
ENDLESS = np.array(2**62)


@pytest.fixture(scope="module")
def many(saved_models) -> Iterator[SavedModel]:
    model = SavedModel(saved_models / "many", threads=THREADS)
    yield model
    model.close()


@pytest.fixture(scope="module")
def echo(saved_models) -> Iterator[SavedModel]:
    model = SavedModel(saved_models / "echo", threads=THREADS)
    yield model
    model.close()


def test_every_signature_is_told_as_the_model_has_it(many):
    assert many.signatures.keys() == {"dense", "look_up", "count", "norm", "classify", "read"}
    assert many.signatures["dense"] == Signature(
        (TensorSpec("x", "float32", (None, 2)),),
        (TensorSpec("total", "float32", (None,)), TensorSpec("y", "float32", (None, 2))),
    )
    assert many.signatures["count"].inputs == (
        TensorSpec("n", "int64", ()),
        TensorSpec("name", "bytes", ()),
    )
    assert many.signatures["classify"].method == "classify"


def test_only_the_outputs_that_are_asked_for_come_back(many):
    x = np.float32([[1, 1], [0, 1]])
    total, y = many.session("dense").run(["total", "y"], {"x": x})
    np.testing.assert_array_equal(y, [[4, 6], [3, 4]])
    np.testing.assert_array_equal(total, [2, 1])
    (again,) = many.session("dense").run(["y"], {"x": x})
    np.testing.assert_array_equal(again, y)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_batch_of_any_length_goes_through_even_of_none(many, rows):
    (y,) = many.session("dense").run(["y"], {"x": np.zeros((rows, 2), np.float32)})
    assert y.shape == (rows, 2)


def test_strings_are_bytes_both_ways(many):
    ids, upper = many.session("look_up").run(
        ["ids", "upper"], {"words": strings("fish", b"\xff\0", "")}
    )
    assert ids.tolist() == [2, -1, -1]
    assert upper.tolist() == [b"FISH", b"\xff\0", b""]


def test_scalars_of_numbers_and_strings_stay_scalars(many):
    hello, i = many.session("count").run(
        ["hello", "i"], {"n": np.array(5), "name": np.array(b"you", object)}
    )
    assert (hello.shape, hello[()], i.shape, i[()]) == ((), b"hello you", (), 5)


@given(
    dtype=st.sampled_from(sorted(ELEMENTS)),
    shape=st.lists(st.integers(0, 3), max_size=4).map(tuple),
    data=st.data(),
)
def test_every_dtype_and_shape_comes_back_as_it_was_sent(echo, dtype, shape, data):
    count = int(np.prod(shape, dtype=int))
    if dtype == "bytes":
        values = data.draw(st.lists(st.binary(max_size=5), min_size=count, max_size=count))
        sent = strings(*values).reshape(shape)
    else:
        size = count * np.dtype(dtype).itemsize
        bits = np.frombuffer(data.draw(st.binary(min_size=size, max_size=size)), np.uint8)
        sent = ((bits & 1) if dtype == "bool" else bits).view(dtype).reshape(shape)
    session = echo.session("string" if dtype == "bytes" else dtype)
    (got,) = session.run(["y"], {"x": sent})
    assert (got.dtype, got.shape) == (sent.dtype, sent.shape)
    assert got.tolist() == sent.tolist() if dtype == "bytes" else got.tobytes() == sent.tobytes()


def test_what_tensorflow_calls_a_wrong_argument_is_the_callers_mistake(many):
    with pytest.raises(InvalidRequest, match="the model failed: Could not parse example input"):
        many.session("classify").run(["scores"], {"inputs": strings("no Example")})


def test_calls_from_several_threads_get_their_own_answers(many):
    session, wrong = many.session("dense"), []

    def ask(value: float) -> None:
        for _ in range(20):
            (total,) = session.run(["total"], {"x": np.float32([[value, value]])})
            wrong.extend(each for each in total if each != 2 * value)

    threads = [threading.Thread(target=ask, args=(float(value),)) for value in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def run_endlessly(model: SavedModel, abort: Abort | None) -> tuple[threading.Thread, list[object]]:
    """A run that ends by itself in some thousand years, in a thread; and what it raises."""
    raised: list[object] = []

    def run() -> None:
        try:
            session = model.session("count")
            session.run(["i"], {"n": ENDLESS, "name": np.array(b"", object)}, abort)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


@pytest.mark.parametrize("moment", ["before", "during"])
def test_a_run_that_nobody_waits_for_ends_here_and_in_the_worker(many, moment):
    aborts = [Abort() for _ in range(8)]  # more than the worker has threads for operators
    if moment == "before":
        for abort in aborts:
            abort.set()
    runs = [run_endlessly(many, abort) for abort in aborts]
    for abort in aborts:
        abort.set()
    for thread, raised in runs:
        thread.join(30)
        assert [type(error) for error in raised] == [Cancelled]
    (norm,) = many.session("norm").run(["norm"], {"v": np.float32([3, 4, 0])})
    assert norm[()] == 5


def test_a_worker_that_is_killed_fails_its_calls_and_comes_back(saved_models, caplog):
    # Its first start also says what is odd about the model.
    verified = threading.Semaphore(0)
    model = SavedModel(saved_models / "many", threads=THREADS, verify=verified.release)
    try:
        assert "signature complex is not served: z is complex64" in caplog.text
        assert "the graph touches files: ReadFile" in caplog.text
        first = model.worker_process_id
        assert first is not None
        thread, raised = run_endlessly(model, None)
        os.kill(first, signal.SIGKILL)
        thread.join(30)
        assert [type(error) for error in raised] == [ServableNotReady]
        assert verified.acquire(timeout=30)
        assert "TensorFlow was ended by SIGKILL; it is started again" in caplog.text
        while model.worker_process_id is None:
            threading.Event().wait(0.05)
        assert model.worker_process_id != first
        (norm,) = model.session("norm").run(["norm"], {"v": np.float32([3, 4, 0])})
        assert norm[()] == 5
    finally:
        model.close()
    with pytest.raises(ServableNotReady):
        model.session("norm").run(["norm"], {"v": np.ones(3, np.float32)})


def test_a_graph_of_python_functions_is_refused(saved_models):
    with pytest.raises(BadVersion, match=r"it calls Python functions \(EagerPyFunc\)"):
        SavedModel(saved_models / "python", threads=THREADS)


def test_what_is_no_saved_model_is_refused_in_tensorflows_words(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff")
    with pytest.raises(BadVersion, match="TensorFlow cannot load it: "):
        SavedModel(tmp_path, threads=THREADS)


def test_without_tensorflow_it_is_said_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(BadVersion, match=r"pip install 'easel\[tensorflow\]'"):
        SavedModel(tmp_path, threads=THREADS)


def test_this_process_has_no_tensorflow(many):
    many.session("norm").run(["norm"], {"v": np.ones(3, np.float32)})
    code = "import sys, serving.server; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
