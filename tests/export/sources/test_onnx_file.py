"""ONNX as a source: checked, upgraded, gathered, and run as it came for the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.sources import onnx_file
from export.sources.source import GRAPH_FILE, Options
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, TensorSpec

WEIGHTS = np.linspace(-1, 1, 300, dtype=np.float32).reshape(3, 100)
ROWS = {"x": np.random.default_rng(4).normal(size=(5, 3)).astype(np.float32)}


def value(name, element=TensorProto.FLOAT, shape=(None, 3)):
    return helper.make_tensor_value_info(name, element, shape)


def model_of(nodes, inputs, outputs, *, weights=(), opset=17, ir_version=8, domain=""):
    graph = helper.make_graph(
        nodes, "g", inputs, outputs,
        [numpy_helper.from_array(array, name) for name, array in weights],
    )  # fmt: skip
    imports = [helper.make_opsetid("", opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, 2))
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version)


def dense(opset=17, ir_version=8, **changes):
    """``softmax(x @ w)``."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Softmax", ["h"], ["scores"], axis=1, name="last"),
    ]
    arguments = {"inputs": [value("x")], "outputs": [value("scores", shape=(None, 100))]} | changes
    return model_of(
        nodes, arguments["inputs"], arguments["outputs"], weights=[("w", WEIGHTS)], opset=opset,
        ir_version=ir_version,
    )  # fmt: skip


@pytest.fixture
def load(tmp_path):
    """Saves a graph and loads it as a source."""

    def load(model, **options):
        onnx.save(model, tmp_path / "source.onnx", **options)
        return onnx_file.load(tmp_path / "source.onnx", Options())

    return load


@pytest.fixture
def exported(tmp_path):
    """Exports a source; gives the notes and the graph."""

    def export(source):
        folder = tmp_path / "version"
        folder.mkdir()
        notes = source.to_onnx(DEFAULT_SIGNATURE, folder)
        return notes, folder / GRAPH_FILE

    return export


def assert_same(source, path, inputs=ROWS):
    want = source.run(DEFAULT_SIGNATURE, inputs)
    session = ort.InferenceSession(path)
    for name, got in zip(want, session.run(list(want), inputs), strict=True):
        np.testing.assert_allclose(got, want[name], rtol=1e-5, atol=1e-6)


def test_a_graph_is_described_and_published_as_it_is(load, exported):
    source = load(dense())
    described = source.describe()
    signature = described.signatures[DEFAULT_SIGNATURE]
    assert signature.inputs == (TensorSpec("x", "float32", (None, 3)),)
    assert signature.outputs == (TensorSpec("scores", "float32", (None, 100)),)
    assert described.parameters == 300
    assert described.route == "ONNX opset 17"
    notes, path = exported(source)
    assert notes == ()
    assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert_same(source, path)


def test_an_old_graph_is_upgraded_and_computes_the_same(load, exported):
    source = load(dense(opset=9, ir_version=4))
    notes, path = exported(source)
    assert notes == ("upgraded from opset 9 to 18",)
    assert onnx.load(path).opset_import[0].version == 18
    assert onnx.load(path).ir_version >= 8
    assert_same(source, path)


def test_weights_that_old_files_list_among_the_inputs_become_constants(load, exported):
    source = load(dense(opset=8, ir_version=3, inputs=[value("x"), value("w", shape=(3, 100))]))
    assert [spec.name for spec in source.describe().signatures[DEFAULT_SIGNATURE].inputs] == ["x"]
    notes, path = exported(source)
    assert "inputs with a value of their own became constants: w" in notes
    assert [each.name for each in ort.InferenceSession(path).get_inputs()] == ["x"]
    assert_same(source, path)


def test_weights_beside_the_graph_are_gathered_into_it(load, exported):
    source = load(dense(), save_as_external_data=True, location="w.bin", size_threshold=0)
    _, path = exported(source)
    assert [each.name for each in path.parent.iterdir()] == [GRAPH_FILE]
    assert_same(source, path)


def test_weights_too_large_for_one_file_are_kept_in_one_beside_it(load, exported):
    source = replace(load(dense()), largest_bytes=10)
    notes, path = exported(source)
    assert any("model.onnx.data" in note for note in notes)
    assert {each.name for each in path.parent.iterdir()} == {GRAPH_FILE, "model.onnx.data"}
    assert_same(source, path)
    assert_same(source, path)


def test_free_axes_keep_their_names_and_those_written_as_minus_one_are_free(load, exported):
    relu = [helper.make_node("Relu", ["x"], ["y"])]
    source = load(
        model_of(relu, [value("x", shape=("rows", "t", -1))], [value("y", shape=("rows", "t", -1))])
    )
    signature = source.describe().signatures[DEFAULT_SIGNATURE]
    assert signature.inputs[0].shape == (None, None, None)
    _, path = exported(source)
    axes = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param for axis in axes] == ["rows", "t", "x_axis2"]
    assert_same(source, path, {"x": np.ones((2, 3, 4), np.float32)})


def test_strings_are_byte_strings_here(load):
    node = helper.make_node(
        "LabelEncoder", ["word"], ["number"], domain="ai.onnx.ml",
        keys_strings=["cat", "dög"], values_int64s=[5, 6],
    )  # fmt: skip
    source = load(
        model_of(
            [node, helper.make_node("Identity", ["word"], ["same"])],
            [value("word", TensorProto.STRING, (None,))],
            [
                value("number", TensorProto.INT64, (None,)),
                value("same", TensorProto.STRING, (None,)),
            ],
            domain="ai.onnx.ml",
        )
    )
    assert source.describe().signatures[DEFAULT_SIGNATURE].inputs[0].dtype == "bytes"
    words = np.array(["dög".encode(), b"cat"])
    got = source.run(DEFAULT_SIGNATURE, {"word": words})
    assert got["number"].tolist() == [6, 5]
    assert got["same"].dtype.kind == "S"
    assert got["same"].tolist() == words.tolist()


def test_layers_are_the_nodes_in_order(load):
    source = load(dense())
    (first, hidden), (second, scores) = source.layers(DEFAULT_SIGNATURE, ROWS)
    assert (first, second) == ("MatMul h", "last")
    np.testing.assert_allclose(hidden["h"], ROWS["x"] @ WEIGHTS, rtol=1e-5)
    np.testing.assert_allclose(scores["scores"].sum(1), 1, rtol=1e-5)


def test_what_onnx_runtime_cannot_load_is_run_by_onnxs_own_reference(load):
    node = helper.make_node("Det", ["x"], ["y"])
    element = TensorProto.DOUBLE
    source = load(
        model_of([node], [value("x", element, (None, 2, 2))], [value("y", element, (None,))])
    )
    matrices = np.random.default_rng(0).normal(size=(3, 2, 2))
    got = source.run(DEFAULT_SIGNATURE, {"x": matrices})
    np.testing.assert_allclose(got["y"], np.linalg.det(matrices))
    assert any("the reference is ONNX's own" in note for note in source.describe().notes)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (
            model_of([helper.make_node("Nope", ["x"], ["y"])], [value("x")], [value("y")]),
            "not valid ONNX: .*Nope",
        ),
        (
            model_of(
                [helper.make_node("Secret", ["x"], ["y"], domain="acme")], [value("x")],
                [value("y")], domain="acme",
            ),
            "only its maker can run: Secret of acme",
        ),
        (
            model_of([helper.make_node("Relu", ["z"], ["y"])], [value("x")], [value("y")]),
            "not valid ONNX",
        ),
        (
            model_of(
                [helper.make_node("SequenceConstruct", ["x"], ["y"])], [value("x")],
                [helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)],
            ),
            "y is a sequence and no tensor",
        ),
    ],
)  # fmt: skip
def test_a_graph_that_cannot_be_served_is_refused(load, model, reason):
    with pytest.raises(ExportRefused, match=reason):
        load(model)


def test_weights_outside_the_folder_are_refused(load, tmp_path):
    (tmp_path / "secret").write_bytes(WEIGHTS.tobytes())
    model = dense()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    with pytest.raises(ExportRefused, match="cannot be read as ONNX"):
        load(model)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(dense().SerializeToString()[:60])
    with pytest.raises(ExportRefused, match="damaged.onnx"):
        onnx_file.load(path, Options())


def test_inputs_that_do_not_fit_are_refused_with_what_onnx_runtime_says(load):
    with pytest.raises(ExportRefused, match="the graph fails"):
        load(dense()).run(DEFAULT_SIGNATURE, {"x": np.zeros((2, 9), np.float32)})


def test_a_saved_model_and_another_signature_are_refused(load, tmp_path):
    source = load(dense())
    with pytest.raises(ExportRefused, match="choose --to onnx"):
        source.to_saved_model(tmp_path, {})
    with pytest.raises(ExportRefused, match="no signature other"):
        source.run("other", ROWS)
