from __future__ import annotations

from pathlib import Path

import pytest

from export.inspect.saved_model import inspect_graph_def, inspect_saved_model
from export.inspect.tensorflow_graph import node_name


@pytest.fixture
def protos():
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    return tf.compat.v1, saved_model_pb2


@pytest.fixture
def saved(protos, tmp_path):
    """Writes a SavedModel of these nodes, and what is found in it."""
    tf, saved_model_pb2 = protos

    def saved(nodes=(), functions=(), *, change=lambda meta_graph: None):
        model = saved_model_pb2.SavedModel(saved_model_schema_version=1)
        meta_graph = model.meta_graphs.add()
        meta_graph.graph_def.node.extend(node(tf, *each) for each in nodes)
        for name, body in functions:
            function = meta_graph.graph_def.library.function.add()
            function.signature.name = name
            function.node_def.extend(node(tf, *each) for each in body)
        meta_graph.saver_def.restore_op_name = "restore"
        meta_graph.saver_def.save_tensor_name = "save:0"
        meta_graph.signature_def["serving_default"].outputs["y"].name = "y:0"
        change(meta_graph)
        (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
        return [f"{each.what} {each}" for each in inspect_saved_model(tmp_path)]

    return saved


def node(tf, name, operation, inputs=(), function=""):
    made = tf.NodeDef(name=name, op=operation, input=inputs)
    if function:
        made.attr["f"].func.name = function
    return made


def test_a_saver_may_read_and_write_files(saved):
    assert not saved(
        [
            ("prefix", "Placeholder"),
            ("w", "RestoreV2", ["prefix"]),
            ("restore", "NoOp", ["^w"]),
            ("save", "SaveV2", ["prefix"]),
            ("y", "Const"),
        ]
    )


def test_a_function_of_the_saver_may_too(saved):
    assert not saved(
        [("restore", "PartitionedCall", [], "r"), ("save", "PartitionedCall", [], "s")],
        [("r", [("w", "RestoreV2")]), ("s", [("w", "SaveV2"), ("m", "MergeV2Checkpoints")])],
    )


def test_saving_while_restoring_is_refused(saved):
    (found,) = saved([("w", "SaveV2"), ("restore", "NoOp", ["^w"])])
    assert "node 'w': its operation SaveV2 reads or writes files" in found


def test_the_savers_operations_in_a_signature_are_refused(saved):
    (found,) = saved([("w", "RestoreV2"), ("y", "Identity", ["w:0"])])
    assert found.startswith("runs code node 'w'")


def test_an_initializer_by_name_is_a_root_as_well(saved):
    def change(meta_graph):
        meta_graph.collection_def["saved_model_main_op"].node_list.value.append("init")

    (found,) = saved([("init", "SaveV2")], change=change)
    assert "node 'init'" in found


def test_functions_of_objects_are_roots_as_well(saved):
    def change(meta_graph):
        meta_graph.object_graph_def.concrete_functions["f"].SetInParent()

    (found,) = saved(
        [], [("f", [("c", "PartitionedCall", [], "g")]), ("g", [("w", "SaveV2")])], change=change
    )
    assert "node 'w' in function 'g'" in found


def test_a_function_named_like_an_operation_is_called_by_it(saved):
    (found,) = saved([("y", "evil")], [("evil", [("w", "RestoreV2")])])
    assert "in function 'evil'" in found


def test_harm_is_refused_even_where_nothing_reaches_it(saved):
    (found,) = saved([("lonely", "EagerPyFunc")])
    assert "its operation EagerPyFunc runs Python code" in found


@pytest.mark.parametrize("name", ["../out.txt", "/etc/passwd", "a\\b", "C:x"])
def test_an_asset_outside_the_folder_is_refused(saved, name):
    def change(meta_graph):
        meta_graph.asset_file_def.add(filename=name)

    (found,) = saved(change=change)
    assert found.startswith("reads outside asset")


def test_an_asset_that_is_missing_is_damage(saved):
    def change(meta_graph):
        meta_graph.asset_file_def.add(filename="words.txt")

    (found,) = saved(change=change)
    assert found.startswith("damaged asset 'words.txt'")


def test_a_table_is_filled_from_an_asset_only(saved, tmp_path: Path):
    nodes = [
        ("h", "HashTableV2"), ("file", "Const"), ("t", "InitializeTableFromTextFileV2", ["h", "file"]),
    ]  # fmt: skip

    def change(meta_graph):
        asset = meta_graph.asset_file_def.add(filename="words.txt")
        asset.tensor_info.name = "file:0"

    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "words.txt").write_text("a\n")
    assert not saved(nodes, change=change)
    (found,) = saved(nodes)
    assert found.startswith("reads outside node 't'")
    (found,) = saved([], [("f", nodes)])
    assert "in function 'f'" in found


def test_printing_into_a_file_is_refused(saved):
    def change(meta_graph):
        printing = meta_graph.graph_def.node.add(name="p", op="PrintV2")
        printing.attr["output_stream"].s = b"file:///tmp/x" + b"x" * 9_000

    (found,) = saved(change=change)
    assert found.startswith("reads outside node 'p'")


def test_two_nodes_of_one_name_are_damage(saved):
    with pytest.raises(ValueError, match="two nodes have one name"):
        saved([("y", "Const"), ("y", "ReadFile")])


def test_a_folder_without_a_graph_is_damage(tmp_path: Path):
    (found,) = inspect_saved_model(tmp_path)
    assert "is missing" in found.message


def test_an_empty_graph_is_damage(protos, tmp_path: Path):
    tf, _ = protos
    path = tmp_path / "graph.pb"
    path.write_bytes(tf.GraphDef(versions={"producer": 1}).SerializeToString())
    (found,) = inspect_graph_def(path)
    assert found.what == "damaged"


def test_a_reference_names_its_node():
    assert [node_name(each) for each in ("a", "a:0", "a:out:0", "^a")] == ["a"] * 4


@pytest.mark.parametrize("name", ["saved_model.cpb", "saved_model.pbtxt"])
def test_a_second_graph_is_refused_because_loaders_differ(saved, tmp_path: Path, name):
    (tmp_path / name).touch()
    (found,) = saved()
    assert found.startswith(f"damaged {name}")


def test_keras_notes_in_the_graph_itself_are_read_too(saved):
    def change(meta_graph):
        noted = meta_graph.object_graph_def.nodes.add().user_object
        noted.identifier = "_tf_keras_layer"
        noted.metadata = '{"class_name": "Lambda", "config": {"name": "evil"}}'

    (found,) = saved(change=change)
    assert found.startswith("runs code layer 'evil' (Lambda)")
