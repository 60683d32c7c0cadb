"""Frozen graphs: their ends named or guessed, their axes fixed or free."""

from __future__ import annotations

import numpy as np
import pytest

from export.sources.source import Options, Prelude
from model_store.errors import ExportRefused

RNG = np.random.default_rng(11)


def floats(*shape, name):
    return lambda batch: {name: RNG.normal(size=(batch, *shape)).astype(np.float32)}


@pytest.fixture(scope="session")
def frozen(tf, tmp_path_factory):
    """A graph file: ``net/picture`` to ``net/scores`` and ``net/mask``, over a shared convolution."""
    kernel = RNG.normal(size=(3, 3, 1, 4)).astype(np.float32)
    with tf.Graph().as_default() as graph, tf.name_scope("net"):
        picture = tf.compat.v1.placeholder(tf.float32, (None, None, None, 1), name="picture")
        features = tf.nn.relu(tf.nn.conv2d(picture, kernel, 1, "SAME"))
        tf.nn.softmax(tf.reduce_mean(features, (1, 2)), name="scores")
        tf.identity(features[..., 0] > 0.5, name="mask")
    path = tmp_path_factory.mktemp("frozen") / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


@pytest.fixture(scope="session")
def load_graph(tf):
    from export.sources import graph_def

    return lambda path, **options: graph_def.load(path, Options(**options))


def test_named_tensors_of_a_frozen_graph_become_an_equal_graph(load_graph, frozen, assert_same):
    source = load_graph(frozen, outputs=("net/scores", "net/mask:0"))
    signature = source.describe().signatures["serving_default"]
    assert [str(spec) for spec in (*signature.inputs, *signature.outputs)] == [
        "net_picture: float32[N, N, N, 1]", "net_scores: float32[N, 4]", "net_mask: bool[N, N, N]",
    ]  # fmt: skip
    assert_same(source, lambda batch: floats(3 + batch, 9 - batch, 1, name="net_picture")(batch))


def test_the_ends_of_a_frozen_graph_are_guessed_only_where_they_are_clear(load_graph, frozen):
    with pytest.raises(ExportRefused) as caught:
        load_graph(frozen)
    assert "name them with --outputs" in str(caught.value)
    assert "its placeholders are net/picture:0" in str(caught.value)
    assert "nothing else uses is net/scores:0, net/mask:0" in str(caught.value)
    with pytest.raises(ExportRefused, match=r"no tensor net/score:0 .*net/scores:0"):
        load_graph(frozen, outputs=("net/score",))


def test_a_frozen_graphs_outputs_can_be_called_otherwise_and_its_axes_fixed(
    load_graph, frozen, tf, tmp_path
):
    source = load_graph(
        frozen,
        inputs=("net/picture",),
        outputs=("net/scores",),
        output_names=("scores",),
        shapes={"net/picture": (None, 6, 5, 1)},
    )
    prelude = Prelude("image", "net_picture", (6, 5), (1 / 255,), (0.0,))
    source.to_saved_model(tmp_path, {"serving_default": prelude})
    served = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    pixels = RNG.integers(0, 256, (2, 6, 5, 1), np.uint8)
    want = source.run("serving_default", {"net_picture": pixels * np.float32(1 / 255)})["scores"]
    assert np.allclose(served(image=tf.constant(pixels))["scores"].numpy(), want, atol=1e-6)


def test_a_graph_that_is_not_frozen_or_none_at_all_is_refused(load_graph, tf, tmp_path):
    path = tmp_path / "graph.pb"
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, (None, 2), name="x")
        tf.identity(x * tf.compat.v1.get_variable("factor", (2,)), name="y")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(ExportRefused, match="is not frozen: factor is a variable"):
        load_graph(path)
    path.write_bytes(b"\xff" * 20)
    with pytest.raises(ExportRefused, match=r"graph\.pb is no TensorFlow graph"):
        load_graph(path)
    path.write_bytes(b"")
    with pytest.raises(ExportRefused, match="empty graph"):
        load_graph(path)


def test_a_placeholder_without_a_shape_wants_one(load_graph, tf, tmp_path):
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, name="x")
        tf.nn.relu(x, name="y")
    path = tmp_path / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    with pytest.raises(ExportRefused, match="--shape x=N,224,224,3"):
        load_graph(path)
    source = load_graph(path, shapes={"x": (None, 3)})
    assert source.describe().signatures["serving_default"].outputs[0].shape == (None, 3)
