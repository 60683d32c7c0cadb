"""Graphs in ONNX Runtime: dtypes, strings, scalars, and what is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from model_store.errors import BadVersion, EaselError, TensorMismatch
from model_store.spec import Signature, TensorSpec
from serving.engine.onnx_runtime import OnnxModel
from tests.serving.engine.graphs import ELEMENTS, identity, make_model, strings


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    def loaded(model: onnx.ModelProto, **settings) -> OnnxModel:
        path = tmp_path_factory.mktemp("graph") / "model.onnx"
        onnx.save(model, path)
        return OnnxModel(path, intra_op_threads=1, **settings)

    return loaded


@pytest.fixture(scope="module")
def echoes(load):
    """A graph of any rank for each dtype, that answers with its input."""
    return {dtype: load(identity(dtype, None)[0]).session("serving_default") for dtype in ELEMENTS}


SHAPES = st.lists(st.integers(0, 3), max_size=4).map(tuple)


@given(dtype=st.sampled_from(sorted(ELEMENTS)), shape=SHAPES, data=st.data())
def test_every_dtype_and_shape_comes_back_as_it_was_sent(echoes, dtype, shape, data):
    count = int(np.prod(shape, dtype=int))
    if dtype == "bytes":
        texts = data.draw(st.lists(st.text(max_size=5), min_size=count, max_size=count))
        sent = strings(*texts).reshape(shape)
    else:
        size = count * np.dtype(dtype).itemsize
        raw = data.draw(st.binary(min_size=size, max_size=size))
        bits = np.frombuffer(raw, np.uint8)
        sent = ((bits & 1) if dtype == "bool" else bits).view(dtype).reshape(shape)
    (got,) = echoes[dtype].run(["y"], {"x": sent})
    assert got.dtype == sent.dtype
    assert got.shape == sent.shape
    assert got.tolist() == sent.tolist() if dtype == "bytes" else got.tobytes() == sent.tobytes()


@pytest.mark.parametrize("shape", [(), (None,), (None, None, 3), (2, 2), None])
def test_a_graph_says_its_shapes(load, shape):
    model, signature = identity("int64", shape)
    assert load(model).signatures == {"serving_default": signature}


def test_strings_may_hold_what_text_may_hold(echoes):
    sent = strings("", "é", "a\0b", "한글", "😀")
    (got,) = echoes["bytes"].run(["y"], {"x": sent})
    assert got.tolist() == sent.tolist()


def test_bytes_that_are_no_text_are_the_callers_mistake(echoes):
    with pytest.raises(TensorMismatch, match="input 'x': a string is not UTF-8"):
        echoes["bytes"].run(["y"], {"x": strings(b"ok", b"\xff\xfe")})


def test_a_fixed_width_array_of_strings_is_taken_too(echoes):
    (got,) = echoes["bytes"].run(["y"], {"x": np.array([b"ab", b"c"])})
    assert got.tolist() == [b"ab", b"c"]


FLOATS = Signature((TensorSpec("x", "float32", (None,)),), (TensorSpec("y", "float32", (None,)),))


def test_an_operator_that_nobody_knows_is_named(load):
    with pytest.raises(BadVersion, match=r"cannot load it.*Swirl"):
        load(make_model([helper.make_node("Swirl", ["x"], ["y"])], FLOATS))
    with pytest.raises(BadVersion, match=r"cannot load it.*swirls\.example"):
        load(make_model([helper.make_node("Swirl", ["x"], ["y"], domain="swirls.example")], FLOATS))


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ({"opset": 99}, r"IR version 8, operator sets onnx 99.*[Oo]pset 99 is under development"),
        ({"ir_version": 99}, r"IR version 99.*max supported IR version"),
    ],
)
def test_a_graph_of_the_future_says_what_it_wants_and_what_there_is(load, versions, words):
    node = helper.make_node("Identity", ["x"], ["y"])
    with pytest.raises(BadVersion, match=rf"ONNX Runtime \d+\.\d+.*{words}"):
        load(make_model([node], FLOATS, **versions))


def test_a_closed_model_gives_no_session(load):
    model = load(identity("float32", (None,))[0])
    model.close()
    with pytest.raises(EaselError, match="unloaded"):
        model.session("serving_default")
