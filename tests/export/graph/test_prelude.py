"""The prelude: the graph and numpy compute the same bits, and what does not fit is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from export.graph.prelude import apply, insert
from export.sources.source import Prelude
from model_store.errors import ExportRefused
from model_store.spec import TensorSpec
from tests.export.graph.graphs import FLOAT, model, node, run, tensor

TEACHABLE = Prelude("image", "x", (4, 6), (1 / 127.5,) * 3, (-1.0,) * 3)
IMAGENET = Prelude(
    "image", "x", (4, 6),
    tuple(1 / (255 * deviation) for deviation in (0.229, 0.224, 0.225)),
    tuple(-mean / deviation for mean, deviation in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))),
    is_channels_first=True,
)  # fmt: skip
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), np.uint8)
NUMPY = {FLOAT: "float32", TensorProto.FLOAT16: "float16", TensorProto.DOUBLE: "float64"}


def echo(shape, dtype=FLOAT, name="x"):
    """A graph that gives back what it takes."""
    nodes = [node("Identity", name, "y")]
    return model(nodes, [tensor(name, shape, dtype)], [tensor("y", shape, dtype)])


def kinds(graph):
    return [node.op_type for node in graph.graph.node]


@pytest.mark.parametrize("dtype", NUMPY)
@pytest.mark.parametrize("prelude", [TEACHABLE, IMAGENET], ids=["last", "first"])
def test_the_graph_gives_bit_for_bit_what_numpy_gives(prelude, dtype):
    shape = ["N", 3, 4, 6] if prelude.is_channels_first else ["N", 4, 6, 3]
    got = run(insert(echo(shape, dtype), prelude), image=PIXELS)["y"]
    spec = TensorSpec("x", NUMPY[dtype], (None, *shape[1:]))
    want = apply(prelude, PIXELS, spec)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    assert got.tobytes() == want.tobytes()


numbers = st.floats(-300, 300, width=32).filter(lambda number: number == 0 or abs(number) > 1e-6)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4),
    st.booleans(),
    st.integers(1, 3),
)
def test_any_scaling_is_the_same_in_graph_and_numpy(channels, is_channels_first, rows):
    scale, offset = zip(*channels, strict=True)
    prelude = Prelude("image", "x", (2, 3), scale, offset, is_channels_first)
    pixels = np.arange(rows * 6 * len(scale)).reshape(rows, 2, 3, -1).astype(np.uint8) * 7
    got = run(insert(echo(None), prelude), image=pixels)["y"]
    assert got.tobytes() == apply(prelude, pixels).tobytes()


def test_one_scaling_for_all_channels_is_one_number_in_the_graph():
    graph = insert(echo(["N", 4, 6, 3]), TEACHABLE).graph
    assert [list(constant.dims) for constant in graph.initializer] == [[], []]


def test_a_scaling_that_changes_nothing_leaves_no_nodes_behind():
    plain = Prelude("image", "x", (4, 6), (1.0,) * 3, (0.0,) * 3)
    assert kinds(insert(echo(["N", 4, 6, 3]), plain)) == ["Cast", "Identity"]


def test_the_wire_tensor_is_uint8_with_a_named_batch_axis():
    graph = insert(echo(["unk__7", 3, 4, 6]), IMAGENET)
    onnx.checker.check_model(graph, full_check=True)
    (wire,) = graph.graph.input
    assert wire == tensor("image", ["batch", 4, 6, 3], TensorProto.UINT8)


def test_the_given_graph_is_left_alone():
    graph = echo(["N", 4, 6, 3])
    before = graph.SerializeToString()
    insert(graph, TEACHABLE)
    assert graph.SerializeToString() == before


def test_a_wire_tensor_may_have_the_name_of_the_input_it_replaces():
    prelude = Prelude("x", "x", (4, 6), (0.5,) * 3, (0.0,) * 3)
    graph = insert(echo(["N", 4, 6, 3]), prelude)
    assert [value.name for value in graph.graph.input] == ["x"]
    assert np.array_equal(run(graph, x=PIXELS)["y"], PIXELS * np.float32(0.5))


def test_a_value_inside_that_has_the_wire_tensors_name_gets_another():
    nodes = [node("Neg", "x", "image"), node("Neg", "image", "y")]
    graph = model(nodes, [tensor("x", ["N", 4, 6, 3])], [tensor("y", None)])
    got = run(insert(graph, TEACHABLE), image=PIXELS)["y"]
    assert np.array_equal(got, apply(TEACHABLE, PIXELS))


def test_an_input_that_only_a_branch_reads_is_found_there_too():
    def branch(operation):
        nodes = [node(operation, "x", operation)]
        return onnx.helper.make_graph(nodes, operation, [], [tensor(operation, None)])

    choose = node("If", "flag", "y", then_branch=branch("Neg"), else_branch=branch("Abs"))
    graph = model([choose], [tensor("x", ["N", 4, 6, 3])], [tensor("y", None)], {"flag": True})
    prelude = Prelude("x", "x", (4, 6), (1 / 127.5,) * 3, (-1.0,) * 3)
    assert np.array_equal(run(insert(graph, prelude), x=PIXELS)["y"], -apply(TEACHABLE, PIXELS))


def test_a_model_that_takes_pictures_flat_or_without_a_channel_axis_gets_them_so():
    grey = Prelude("image", "x", (4, 6), (1 / 255,), (0.0,))
    pixels = PIXELS[..., :1]
    for own in ((24,), (4, 6)):
        got = run(insert(echo(["N", *own]), grey), image=pixels)["y"]
        want = apply(grey, pixels, TensorSpec("x", "float32", (None, *own)))
        assert got.shape == (3, *own)
        assert got.tobytes() == want.tobytes()


def test_a_model_of_uint8_takes_the_pixels_as_they_are():
    plain = Prelude("image", "x", (4, 6), (1.0,) * 3, (0.0,) * 3)
    graph = insert(echo(["N", 4, 6, 3], TensorProto.UINT8), plain)
    assert np.array_equal(run(graph, image=PIXELS)["y"], PIXELS)
    assert np.array_equal(apply(plain, PIXELS, TensorSpec("x", "uint8", None)), PIXELS)
    with pytest.raises(ExportRefused, match="leave out --scale and --offset"):
        insert(echo(["N", 4, 6, 3], TensorProto.UINT8), TEACHABLE)


def test_a_baked_batch_axis_is_not_made_up_to_be_free():
    (wire,) = insert(echo([1, 4, 6, 3]), TEACHABLE).graph.input
    assert [axis.dim_value for axis in wire.type.tensor_type.shape.dim] == [1, 4, 6, 3]


@pytest.mark.parametrize(
    ("graph", "prelude", "says"),
    [
        (echo(["N", 4, 6, 3], name="pixels"), TEACHABLE, "has no input x; its inputs are pixels"),
        (echo(["N", 3, 4, 6]), TEACHABLE, r"\['N', 3, 4, 6\], pictures of 4x6 with 3 channels"),
        (echo(["N", 4, 6, 3]), IMAGENET, "channels first, do not fit; change --size or --mode"),
        (echo(["N", 71]), TEACHABLE, "do not fit"),
        (echo(["N", 4, 6]), TEACHABLE, "do not fit"),
        (echo([]), TEACHABLE, "do not fit"),
        (echo(["N", 4, 6, 3], TensorProto.INT64), TEACHABLE, "is int64"),
        (echo(["N", 4, 6, 3]), Prelude("y", "x", (4, 6), (1,) * 3, (0,) * 3), "another name"),
        (echo(["N", 4, 6, 3]), Prelude("i", "x", (4, 6), (1, 1, 1), (0,)), "as many factors"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_what_to_change(graph, prelude, says):
    with pytest.raises(ExportRefused, match=says):
        insert(graph, prelude)


def test_a_graph_too_old_to_scale_channels_is_refused():
    old = model([node("Neg", "x", "y")], [tensor("x", [1, 4, 6, 3])], [tensor("y", None)], opset=6)
    with pytest.raises(ExportRefused, match="opset 6"):
        insert(old, TEACHABLE)
