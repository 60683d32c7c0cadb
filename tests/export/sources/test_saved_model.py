"""SavedModels: many signatures, words, loops, free pictures, memory."""

from __future__ import annotations

import numpy as np
import pytest

from export.sources.source import Options, Prelude
from model_store.errors import ExportRefused

RNG = np.random.default_rng(11)
NOTHING = Options()


def floats(*shape, name):
    return lambda batch: {name: RNG.normal(size=(batch, *shape)).astype(np.float32)}


@pytest.fixture(scope="session")
def six(tf, tmp_path_factory):
    """A SavedModel with six signatures over shared weights, a table of words and a counter."""
    weights = tf.constant(RNG.normal(size=(4, 3)), tf.float32)
    kernel = tf.constant(RNG.normal(size=(3, 3, 3, 5)), tf.float32)
    words = tf.lookup.KeyValueTensorInitializer(
        ["cat", "dog", "owl"], tf.constant([7, 8, 9], tf.int64)
    )
    rows = tf.TensorSpec((None, 4), tf.float32, name="x")

    class Six(tf.Module):
        def __init__(self):
            super().__init__()
            self.weights = tf.Variable(weights)
            self.table = tf.lookup.StaticHashTable(words, default_value=-1)
            self.calls = tf.Variable(0.0)

        @tf.function(input_signature=[rows])
        def dense(self, x):
            scores = x @ self.weights
            return {"scores": scores, "best": tf.argmax(scores, -1)}

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="p")])
        def picture(self, p):
            features = tf.nn.conv2d(p, kernel, 2, "SAME")
            top = tf.math.top_k(tf.reduce_mean(features, (1, 2)), 2)
            return {"features": features, "values": top.values, "indices": top.indices}

        @tf.function(
            input_signature=[
                tf.TensorSpec((None, 3, 4), tf.float32, name="b"),
                tf.TensorSpec((None, 5, 4), tf.float32, name="a"),
            ]
        )
        def attend(self, b, a):
            weights = tf.nn.softmax(tf.einsum("nqd,nkd->nqk", b, a))
            return {"y": tf.where(weights > 0.2, weights, 0.0)}

        @tf.function(input_signature=[rows])
        def loop(self, x):
            for _ in tf.range(5):
                x = tf.cond(tf.reduce_sum(x) > 0, lambda x=x: x * 0.5, lambda x=x: x + 1.0)
            return {"y": x}

        @tf.function(input_signature=[tf.TensorSpec((None, None), tf.string, name="word")])
        def number(self, word):
            return {"number": self.table.lookup(word), "same": word}

        @tf.function(input_signature=[rows])
        def count(self, x):
            return {"y": x + self.calls.assign_add(1.0)}

    module = Six()
    folder = tmp_path_factory.mktemp("six") / "model"
    names = ("dense", "picture", "attend", "loop", "number", "count")
    signatures = {name: getattr(module, name) for name in names}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


@pytest.fixture(scope="session")
def source(tf, six):
    from export.sources import saved_model

    return saved_model.load(six, NOTHING)


MAKERS = {
    "dense": floats(4, name="x"),
    "picture": lambda batch: floats(3 + batch, 9 - batch, 3, name="p")(batch),
    "attend": lambda batch: floats(3, 4, name="b")(batch) | floats(5, 4, name="a")(batch),
    "number": lambda batch: {"word": RNG.choice([b"cat", b"owl", b"cow"], (batch, batch))},
}


@pytest.mark.parametrize("signature", MAKERS)
def test_each_signature_becomes_an_equal_graph(source, assert_same, signature):
    assert_same(source, MAKERS[signature], signature=signature)


def test_a_loop_with_a_branch_becomes_an_equal_graph(source, run_onnx, tmp_path):
    source.to_onnx("loop", tmp_path)
    for batch in (1, 2, 7):  # whose rows see each other
        inputs = floats(4, name="x")(batch)
        want = source.run("loop", inputs)["y"]
        assert np.allclose(run_onnx(tmp_path / "model.onnx", inputs)["y"], want, atol=1e-6)


def test_a_signature_with_a_memory_is_refused_and_the_others_are_not(source, tmp_path):
    with pytest.raises(ExportRefused, match=r"keeps state .*--to saved_model"):
        source.to_onnx("count", tmp_path)
    first = source.run("count", floats(4, name="x")(1))["y"]
    assert first.shape == (1, 4)


def test_signatures_are_described_as_tensorflow_has_them(source):
    description = source.describe()
    assert description.signatures.keys() == {
        "dense",
        "picture",
        "attend",
        "loop",
        "number",
        "count",
    }
    assert [str(spec) for spec in description.signatures["attend"].inputs] == [
        "a: float32[N, 5, 4]", "b: float32[N, 3, 4]",
    ]  # fmt: skip
    assert [str(spec) for spec in description.signatures["number"].outputs] == [
        "number: int64[N, N]", "same: bytes[N, N]",
    ]  # fmt: skip
    assert description.route == "TensorFlow SavedModel, by its signatures"
    assert description.parameters == 4 * 3 + 1
    assert list(source.layers("dense", {})) == []


def test_it_is_copied_where_nothing_stands_before_it(source, six, tmp_path):
    source.to_saved_model(tmp_path, {})
    for name in ("saved_model.pb", "variables/variables.index"):
        assert (tmp_path / name).read_bytes() == (six / name).read_bytes()


def test_pixels_go_into_one_signature_and_all_are_kept(source, tf, tmp_path):
    prelude = Prelude("image", "p", (6, 5), (1 / 255,) * 3, (0.0,) * 3)
    source.to_saved_model(tmp_path / "saved", {"picture": prelude})
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures
    assert set(served) == set(source.describe().signatures)
    pixels = RNG.integers(0, 256, (2, 6, 5, 3), np.uint8)
    want = source.run("picture", {"p": pixels * np.float32(1 / 255)})
    got = served["picture"](image=tf.constant(pixels))
    assert np.allclose(got["values"].numpy(), want["values"], atol=1e-5)
    words = served["number"](word=tf.constant([[b"dog"]]))
    assert words["number"].numpy().tolist() == [[8]]
    first, second = (float(served["count"](x=tf.zeros((1, 4)))["y"][0, 0]) for _ in range(2))
    assert second == first + 1


def test_a_folder_without_signatures_is_refused_with_what_to_do(tf, tmp_path):
    from export.sources import saved_model

    tf.saved_model.save(tf.Module(), str(tmp_path / "none"))
    with pytest.raises(ExportRefused, match=r"no signature that can be called; save it with"):
        saved_model.load(tmp_path / "none", NOTHING)
    (tmp_path / "none" / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(ExportRefused, match="TensorFlow cannot load none"):
        saved_model.load(tmp_path / "none", NOTHING)


def test_a_keras_2_saved_model_is_called_by_its_signature(tf_keras, assert_same, tmp_path):
    from export.sources import saved_model

    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [layers.Conv2D(4, 3, input_shape=(8, 8, 3)), layers.Flatten(), layers.Dense(3)]
    )
    model.save(tmp_path / "model", save_format="tf")
    (tmp_path / "labels.txt").write_text("cat\ndog\nowl\n")
    source = saved_model.load(tmp_path / "model", NOTHING)
    description = source.describe()
    assert description.route == "Keras 2 SavedModel, by its signatures"
    assert description.class_labels == ("cat", "dog", "owl")
    (given,) = description.signatures["serving_default"].inputs
    assert_same(source, floats(8, 8, 3, name=given.name))


def test_a_saved_model_of_tensorflow_1_becomes_an_equal_graph(tf, assert_same, tmp_path):
    from export.sources import saved_model

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 4), name="x")
        weights = v1.get_variable("w", (4, 2), use_resource=False)
        y = tf.nn.relu(x @ weights)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "old"), {"x": x}, {"y": y})
    source = saved_model.load(tmp_path / "old", NOTHING)
    assert_same(source, floats(4, name="x"))
    source.to_saved_model(tmp_path / "new", {})
    assert (tmp_path / "new" / "saved_model.pb").is_file()
