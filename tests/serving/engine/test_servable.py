"""One version loaded: several signatures, golden samples of each, weights beside the graph."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from model_store.errors import BadVersion
from model_store.spec import Signature, TensorSpec
from model_store.store import Store
from serving.api.calls import ModelRef, Prediction
from serving.engine.onnx_runtime import OnnxModel
from serving.engine.servable import LoadOptions, Servable, load, replay
from tests.serving.engine.graphs import identity, make_model, publish, strings

ROW = (None, 3)
X = TensorSpec("x", "float32", ROW)
TWICE = TensorSpec("twice", "float32", ROW)
TOTAL = TensorSpec("total", "float32", (None,))
BOTH = Signature((X,), (TWICE, TOTAL))
HEADS = {
    "serving_default": Signature((X,), (TWICE,)),
    "totals": Signature((X,), (TOTAL,)),
}
ONES = np.ones((2, 3), np.float32)


def two_heads() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Add", ["x", "x"], ["twice"]),
        helper.make_node("ReduceSum", ["x", "axes"], ["total"], keepdims=0),
    ]
    return make_model(nodes, BOTH, [numpy_helper.from_array(np.int64([1]), "axes")])


@pytest.fixture
def loaded(tmp_path):
    servables = []
    with ThreadPoolExecutor(2) as executor:

        def load_version(model) -> Servable:
            servables.append(
                load(Store(tmp_path).model(model.name), model.number, LoadOptions(), executor)
            )
            return servables[-1]

        yield load_version
        for servable in servables:
            servable.close()


async def ask(servable: Servable, signature: str, output: str, **inputs: np.ndarray) -> np.ndarray:
    (answer,), _ = await servable.batchers[signature].run(inputs, (output,), None)
    return answer


async def test_a_graph_answers_under_each_of_its_signatures(tmp_path, loaded):
    servable = loaded(publish(tmp_path, two_heads(), HEADS))
    np.testing.assert_array_equal(await ask(servable, "serving_default", "twice", x=ONES), ONES * 2)
    np.testing.assert_array_equal(await ask(servable, "totals", "total", x=ONES), [3, 3])


def test_a_default_signature_may_be_absent(tmp_path, loaded):
    assert loaded(publish(tmp_path, two_heads(), {"totals": HEADS["totals"]})).batchers.keys() == {
        "totals"
    }


@pytest.mark.parametrize(
    "broken",
    [
        Signature((X,), (TensorSpec("other", "float32", ROW),)),
        Signature((X,), ()),
        Signature((), (TWICE,)),
        Signature((X, TensorSpec("z", "float32", ROW)), (TWICE,)),
        Signature((X,), (TensorSpec("twice", "float64", ROW),)),
    ],
)
def test_a_signature_that_the_graph_does_not_keep_is_refused(tmp_path, loaded, broken):
    with pytest.raises(BadVersion, match="of totals are"):
        loaded(publish(tmp_path, two_heads(), HEADS | {"totals": broken}))


def test_golden_samples_of_every_signature_are_checked(tmp_path, loaded):
    golden = {
        "input:x": ONES,
        "output:twice": ONES * 2,
        "totals/input:x": ONES,
        "totals/output:total": np.float32([3, 3]),
    }
    loaded(publish(tmp_path, two_heads(), HEADS, golden=golden))
    wrong = golden | {"totals/output:total": np.float32([3, 4])}
    with pytest.raises(BadVersion, match="output total of the golden samples"):
        loaded(publish(tmp_path, two_heads(), HEADS, golden=wrong))


def test_a_signature_may_have_no_golden_samples_if_another_has(tmp_path, loaded):
    golden = {"totals/input:x": ONES, "totals/output:total": np.float32([3, 3])}
    loaded(publish(tmp_path, two_heads(), HEADS, golden=golden))
    strange = {"other/input:x": ONES, "other/output:total": np.float32([3, 3])}
    with pytest.raises(BadVersion, match="golden samples are of none of its signatures"):
        loaded(publish(tmp_path, two_heads(), HEADS, golden=strange))


def test_an_answer_that_is_no_number_agrees_with_nothing(tmp_path, loaded):
    nodes = [helper.make_node("Log", ["x"], ["twice"])]
    signature = HEADS["serving_default"]
    model = make_model(nodes, signature)
    nothing = np.full((2, 3), np.nan, np.float32)
    with pytest.raises(BadVersion, match="golden samples"):
        loaded(
            publish(
                tmp_path,
                model,
                {"serving_default": signature},
                golden={"input:x": -ONES, "output:twice": nothing},
            )
        )


def test_golden_strings_are_compared_letter_by_letter(tmp_path, loaded):
    model, signature = identity("bytes", (None,))
    signatures = {"serving_default": signature}
    golden = {"input:x": np.array([b"a", b"bc"]), "output:y": np.array([b"a", b"bc"])}
    loaded(publish(tmp_path, model, signatures, golden=golden))
    golden["output:y"] = np.array([b"a", b"bd"])
    with pytest.raises(BadVersion, match="golden samples"):
        loaded(publish(tmp_path, model, signatures, golden=golden))


async def test_strings_and_scalars_and_empty_batches_go_through(tmp_path, loaded):
    for dtype, shape, sent in (
        ("bytes", (None,), strings("a", "b")),
        ("bytes", (None,), strings()),
        ("float32", (), np.array(5, np.float32)),
        ("float32", (None, 2), np.empty((0, 2), np.float32)),
        ("bool", None, np.array([[True]])),
    ):
        model, signature = identity(dtype, shape)
        servable = loaded(publish(tmp_path, model, {"serving_default": signature}))
        got = await ask(servable, "serving_default", "y", x=sent)
        assert (got.dtype, got.shape, got.tolist()) == (sent.dtype, sent.shape, sent.tolist())


def weighty() -> tuple[onnx.ModelProto, Signature]:
    fixed = Signature((TensorSpec("x", "float32", (4,)),), (TensorSpec("y", "float32", (4,)),))
    weights = numpy_helper.from_array(np.float32([1, 2, 3, 4]), "w")
    return make_model([helper.make_node("Add", ["x", "w"], ["y"])], fixed, [weights]), fixed


async def test_weights_beside_the_graph_are_read_if_the_manifest_names_them(tmp_path, loaded):
    model, signature = weighty()
    version = publish(tmp_path, model, {"serving_default": signature}, external="weights.bin")
    answer = await ask(loaded(version), "serving_default", "y", x=np.zeros(4, np.float32))
    np.testing.assert_array_equal(answer, [1, 2, 3, 4])


def test_weights_that_the_manifest_does_not_name_are_not_read(tmp_path, loaded):
    model, signature = weighty()
    version = publish(tmp_path, model, {"serving_default": signature}, external="weights.bin")
    path = Store(tmp_path).folder(version) / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["files"]["weights.bin"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(BadVersion, match=r"weights\.bin.* not .*manifest"):
        loaded(version)


async def test_a_model_that_cannot_run_zeros_is_served_all_the_same(tmp_path, loaded):
    nodes = [helper.make_node("Reshape", ["x", "shape"], ["y"])]
    signature = Signature(
        (TensorSpec("x", "float32", (None,)),), (TensorSpec("y", "float32", (2, 2)),)
    )
    model = make_model(nodes, signature, [numpy_helper.from_array(np.int64([2, 2]), "shape")])
    servable = loaded(publish(tmp_path, model, {"serving_default": signature}))
    answer = await ask(servable, "serving_default", "y", x=np.arange(4, dtype=np.float32))
    assert answer.tolist() == [[0, 1], [2, 3]]


def warm(loaded_model: OnnxModel, signature: str = "serving_default", **inputs: np.ndarray) -> None:
    replay(loaded_model, [Prediction(ModelRef("graph"), inputs, signature=signature)])


def test_requests_that_a_version_brings_along_must_run(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(two_heads(), path)
    model = OnnxModel(path, intra_op_threads=1)
    warm(model, x=ONES)
    with pytest.raises(BadVersion, match="for other, which is not there"):
        warm(model, "other", x=ONES)
    with pytest.raises(BadVersion, match="has other inputs"):
        warm(model, z=ONES)
