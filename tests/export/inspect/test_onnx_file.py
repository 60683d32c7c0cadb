from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import helper

from export.inspect.onnx_file import external_files, inspect_onnx

FLOAT = onnx.TensorProto.FLOAT


def save(path: Path, *, nodes=(), weights=(), functions=()) -> list[str]:
    result = helper.make_tensor_value_info("y", FLOAT, [None])
    graph = helper.make_graph(list(nodes), "g", [], [result], list(weights))
    path.write_bytes(helper.make_model(graph, functions=list(functions)).SerializeToString())
    return [f"{each.what} {each}" for each in inspect_onnx(path)]


def outside(location: str, **more: str) -> onnx.TensorProto:
    tensor = onnx.TensorProto(name="w", dims=[4], data_type=FLOAT, data_location=1)
    for key, value in {"location": location, **more}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


@pytest.fixture
def path(tmp_path):
    (tmp_path / "own.bin").write_bytes(bytes(16))
    return tmp_path / "model.onnx"


def test_data_beside_the_model_is_allowed_and_listed(path: Path):
    assert not save(path, weights=[outside("own.bin", offset="0", length="16")])
    assert external_files(path) == (path.parent / "own.bin",)


@pytest.mark.parametrize(
    "location", ["../own.bin", "/etc/passwd", "a/../../x", "a\\..\\x", "", "C:x"]
)
def test_data_elsewhere_is_refused_and_not_listed(path: Path, location):
    (found,) = save(path, weights=[outside(location)])
    assert found.startswith("reads outside tensor 'w'")
    assert external_files(path) == ()


def test_data_in_a_linked_folder_is_refused(path: Path, tmp_path: Path):
    (tmp_path / "folder").symlink_to("/etc")
    (found,) = save(path, weights=[outside("folder/passwd")])
    assert "behind the link" in found


def test_data_that_is_not_there_or_too_short_is_damage(path: Path, tmp_path: Path):
    assert "not beside" in save(path, weights=[outside("absent.bin")])[0]
    assert "beyond the end" in save(path, weights=[outside("own.bin", length="17")])[0]
    assert "beyond the end" in save(path, weights=[outside("own.bin", offset="-1")])[0]
    (tmp_path / "folder").mkdir()
    assert "no file" in save(path, weights=[outside("folder")])[0]


def test_a_foreign_operator_is_refused_but_for_the_models_own_functions(path: Path):
    node = helper.make_node("Run", [], ["y"], name="n", domain="mine")
    (found,) = save(path, nodes=[node])
    assert found.startswith("runs code node 'n' (mine:Run)")
    constant = helper.make_node("Constant", [], ["y"], value_float=1.0)
    own = helper.make_function("mine", "Run", [], ["y"], [constant], [])
    assert not save(path, nodes=[node], functions=[own])


def test_functions_are_looked_into(path: Path):
    evil = helper.make_node("Run", [], ["y"], domain="evil")
    own = helper.make_function("mine", "Run", [], ["y"], [evil], [])
    (found,) = save(path, functions=[own])
    assert "(evil:Run)" in found


@pytest.mark.parametrize("operator", ["PythonOp", "EPContext"])
def test_operators_of_the_runtime_that_run_code_are_refused(path: Path, operator):
    (found,) = save(path, nodes=[helper.make_node(operator, [], ["y"], domain="com.microsoft")])
    assert "runs code or a compiled file" in found


def test_a_tensor_without_its_numbers_is_too_large(path: Path):
    bomb = onnx.TensorProto(name="b", dims=[1 << 40], data_type=FLOAT, raw_data=bytes(8))
    (found,) = save(path, weights=[bomb])
    assert found.startswith("too large tensor 'b'")


def test_graphs_without_an_end_are_a_value_error(path: Path):
    def holding(field: int, content: bytes) -> bytes:
        """A message that has *content* in one field."""
        length = len(content)
        return (
            bytes([field << 3 | 2, length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])
            + content
        )

    graph = b""
    for _ in range(66):
        graph = holding(1, holding(5, holding(6, graph)))  # node, attribute, graph
    path.write_bytes(holding(7, graph))
    with pytest.raises(ValueError, match="without an end"):
        list(inspect_onnx(path))


def test_a_model_without_a_graph_is_damage(path: Path):
    path.write_bytes(onnx.ModelProto(ir_version=9).SerializeToString())
    assert [each.what for each in inspect_onnx(path)] == ["damaged"]
