"""Versions without a manifest: what is found, what is believed, and what is tried out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model_store.errors import BadVersion
from model_store.folder import ModelFolder
from model_store.spec import Signature, TensorSpec
from serving.api.calls import ModelRef, Prediction
from serving.engine.foreign import has_independent_rows
from serving.engine.onnx_runtime import OnnxModel
from serving.engine.servable import LoadOptions, Servable, load
from tests.serving.engine.graphs import identity, make_model, strings

ROWS = Signature((TensorSpec("x", "float32", (None, 3)),), (TensorSpec("y", "float32", (None, 3)),))


@pytest.fixture
def loaded(tmp_path):
    servables = []
    with ThreadPoolExecutor(2) as executor:

        def load_version(**options) -> Servable:
            home = ModelFolder("theirs", tmp_path, needs_manifest=False)
            servables.append(load(home, 1, LoadOptions(**options), executor))
            return servables[-1]

        yield load_version
        for servable in servables:
            servable.close()


def put(folder: Path, model: onnx.ModelProto, name: str = "model.onnx") -> None:
    (folder / "1").mkdir(exist_ok=True)
    onnx.save(model, folder / "1" / name)


async def test_a_bare_graph_is_served_as_it_describes_itself(tmp_path, loaded):
    model, signature = identity("float32", (None, 2))
    put(tmp_path, model)
    os.utime(tmp_path / "1" / "model.onnx", (0, 86400))
    servable = loaded()
    assert str(servable.model) == "theirs/1"
    assert servable.manifest.signatures == {"serving_default": signature}
    assert servable.manifest.created == "1970-01-02T00:00:00+00:00"
    x = np.float32([[1, 2]])
    (y,), _ = await servable.batchers["serving_default"].run({"x": x}, ("y",), None)
    np.testing.assert_array_equal(y, x)


async def test_a_bare_saved_model_is_served_with_all_of_its_signatures(
    tmp_path, saved_models, loaded
):
    # As Triton would have it; TF Serving's has the same files one folder higher.
    folder = tmp_path / "1" / "model.savedmodel"
    shutil.copytree(saved_models / "many", folder)
    warmed = []

    def read_warmup(where: Path) -> Iterator[Prediction]:
        warmed.append(where)
        yield Prediction(ModelRef("theirs"), {"words": strings("cat")}, signature="look_up")
        warmed.append("done")

    servable = loaded(read_warmup=read_warmup)
    assert warmed == [folder, "done"]
    signatures = servable.manifest.signatures
    joined = {name for name, signature in signatures.items() if signature.may_join}
    assert joined == {"dense"}
    assert signatures["classify"].method == "classify"
    words = strings("dog", b"\xff")
    (ids,), _ = await servable.batchers["look_up"].run({"words": words}, ("ids",), None)
    assert ids.tolist() == [1, -1]


def test_a_folder_with_nothing_to_load_is_refused(tmp_path, loaded):
    (tmp_path / "1" / "saved_model.pb").mkdir(parents=True)
    with pytest.raises(BadVersion, match=r"neither a manifest nor saved_model\.pb nor model\.onnx"):
        loaded()


@pytest.mark.parametrize(
    ("text", "may_join"),
    [
        ('backend: "onnxruntime"\nmax_batch_size: 8\n', True),
        ('name: "theirs"\nmax_batch_size: 0\n', False),
        ('name: "theirs"\n', False),
    ],
)
def test_tritons_configuration_says_whether_there_is_a_batch_axis(tmp_path, loaded, text, may_join):
    put(tmp_path, identity("float32", (None, 2))[0])
    (tmp_path / "config.pbtxt").write_text(text)
    (signature,) = loaded().manifest.signatures.values()
    assert signature.may_join is may_join


def test_tritons_configuration_may_name_the_graph(tmp_path, loaded):
    put(tmp_path, identity("float32", (None, 2))[0], "other.onnx")
    (tmp_path / "config.pbtxt").write_text('default_model_filename: "other.onnx"\n')
    assert loaded().manifest.format == "onnx"
    (tmp_path / "config.pbtxt").write_bytes(b"\xff")
    with pytest.raises(BadVersion, match=r"config\.pbtxt cannot be read"):
        loaded()


def test_outputs_that_cannot_be_sent_are_left_out(tmp_path, loaded, caplog):
    model, signature = identity("float32", (None, 2))
    model.graph.node.append(helper.make_node("SequenceConstruct", ["x"], ["list"]))
    model.graph.output.append(
        helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, None)
    )
    put(tmp_path, model)
    assert loaded().manifest.signatures == {"serving_default": signature}
    assert "these cannot be sent: list: seq(tensor(float))[" in caplog.text
    del model.graph.output[0]
    put(tmp_path, model)
    with pytest.raises(BadVersion, match="no signature has only tensors that can be sent"):
        loaded()


def test_a_manifest_is_obeyed_where_there_is_one(tmp_path, loaded):
    put(tmp_path, identity("float32", (None, 2))[0])
    (tmp_path / "1" / "manifest.json").write_text("{}")
    with pytest.raises(BadVersion, match="lacks 'schema'"):
        loaded()


def run_trial(tmp_path: Path, signature: Signature, *nodes: onnx.NodeProto) -> bool:
    axis = numpy_helper.from_array(np.array(0), "axis")
    path = tmp_path / "model.onnx"
    onnx.save(make_model(nodes, signature, [axis]), path)
    session = OnnxModel(path, intra_op_threads=1).session("serving_default")
    return has_independent_rows(session, signature)


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("Softmax", ["x"], ["y"], axis=1),
        helper.make_node("Log", ["x"], ["y"]),
    ],
    ids=lambda node: node.op_type,
)
def test_rows_that_do_not_see_each_other_are_independent(tmp_path, node):
    assert run_trial(tmp_path, ROWS, node)


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Softmax", ["x"], ["y"], axis=0),
        helper.make_node("CumSum", ["x", "axis"], ["y"]),
        helper.make_node("Unique", ["x"], ["y"], axis=0),
    ],
    ids=lambda node: node.op_type,
)
def test_rows_that_see_each_other_are_found_out(tmp_path, node):
    assert not run_trial(tmp_path, ROWS, node)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_sorting_is_found_out_even_of_rows_of_one_value(tmp_path, dtype):
    column = Signature((TensorSpec("x", dtype, (None,)),), (TensorSpec("y", dtype, (None,)),))
    nodes = [
        helper.make_node("Shape", ["x"], ["length"]),
        helper.make_node("TopK", ["x", "length"], ["y", "where"], axis=0),
    ]
    assert not run_trial(tmp_path, column, *nodes)


def test_strings_are_not_guessed(tmp_path):
    model, signature = identity("bytes", (None,))
    onnx.save(model, tmp_path / "model.onnx")
    session = OnnxModel(tmp_path / "model.onnx", intra_op_threads=1).session("serving_default")
    assert not has_independent_rows(session, signature)
