"""Model files that mean harm, each made the way an attacker would, with the real frameworks.

Each writes one file, the canary, when it is loaded or run by a careless program.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from export import kinds

DEEP = 200_000


@dataclass(frozen=True, slots=True)
class Plant:
    """One file.

    Attributes:
        name: Of the file or folder in the fixture's folder.
        kind: As ``export.sniff`` would say.
        what: What it is refused for.
        where: A part of the place that the refusal names.
    """

    name: str
    kind: str
    what: str
    where: str


class Payload:
    """A pickle of this calls a shell."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"echo ran > {self.canary}",)


def keras_archive(path: Path, config: object, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        weights = io.BytesIO()
        with h5py.File(weights, "w") as file:
            file.create_group("layers")
        archive.writestr("model.weights.h5", weights.getvalue())
        for name, content in members.items():
            archive.writestr(name, content)


def sequential_config(*layers: object) -> dict:
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "s", "layers": list(layers)},
        "registered_name": None,
    }


def input_layer() -> dict:
    config = {"batch_shape": [None, 2], "dtype": "float32", "name": "input"}
    return {"module": "keras.layers", "class_name": "InputLayer", "config": config}


def dense(**settings: object) -> dict:
    config = {"name": "dense", "units": 2, "activation": "linear"} | settings
    return {"module": "keras.layers", "class_name": "Dense", "config": config}


def keras_plants(folder: Path, keras, tf_keras, canary: Path) -> list[Plant]:
    # The bytecode must carry the path in itself: what it closes over is another attribute.
    source = f"lambda x: [x, __import__('pathlib').Path({str(canary)!r}).write_text('ran')][0]"
    function = eval(source)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Lambda(function, name="evil")])
    model.save(folder / "lambda.keras")
    model.save(folder / "lambda3.h5")
    old = tf_keras.Sequential(
        [tf_keras.layers.Input((2,)), tf_keras.layers.Lambda(function, name="evil")]
    )
    old.save(folder / "lambda.h5")
    old.save(folder / "lambda_saved", save_format="tf")
    canary.unlink(missing_ok=True)
    call = {"module": "os", "class_name": "function", "config": "system", "registered_name": None}
    keras_archive(folder / "os.keras", sequential_config(input_layer(), dense(activation=call)))
    fetch = {"module": "keras.utils", "class_name": "function", "config": "get_file"}
    keras_archive(folder / "fetch.keras", sequential_config(dense(activation=fetch)))
    lookup = {"module": "keras.layers", "class_name": "StringLookup"} | {
        "config": {"name": "look", "vocabulary": "/etc/passwd"}
    }
    keras_archive(folder / "lookup.keras", sequential_config(lookup))
    keras_archive(folder / "slip.keras", sequential_config(), **{f"../{canary.name}": b"ran"})
    keras_archive(folder / "deep.keras", "[" * DEEP + "]" * DEEP)
    keras_archive(
        folder / "bomb.keras", sequential_config(), **{"assets/zeros": bytes(400_000_000)}
    )
    return [
        Plant("lambda.keras", kinds.KERAS_3, "runs code", "layer 'evil' (Lambda)"),
        Plant("lambda3.h5", kinds.KERAS_3, "runs code", "layer 'evil' (Lambda)"),
        Plant("lambda.h5", kinds.KERAS_2, "runs code", "layer 'evil' (Lambda)"),
        Plant("lambda_saved", kinds.KERAS_2_SAVED_MODEL, "runs code", "layer 'evil' (Lambda)"),
        Plant("os.keras", kinds.KERAS_3, "runs code", "'system'"),
        Plant("fetch.keras", kinds.KERAS_3, "runs code", "'get_file'"),
        Plant("lookup.keras", kinds.KERAS_3, "reads outside", "layer 'look' (StringLookup)"),
        Plant("slip.keras", kinds.KERAS_3, "reads outside", "member '../"),
        Plant("deep.keras", kinds.KERAS_3, "damaged", "deep.keras"),
        Plant("bomb.keras", kinds.KERAS_3, "too large", "the archive"),
        *_hdf5_plants(folder),
    ]


def _hdf5_plants(folder: Path) -> list[Plant]:
    config = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": []}})
    for name in ("linked.h5", "raw.h5", "virtual.h5"):
        with h5py.File(folder / name, "w") as file:
            file.attrs["model_config"] = config
            if name == "linked.h5":
                file["w"] = h5py.ExternalLink("/etc/passwd", "/")
            elif name == "raw.h5":
                file.create_dataset("w", (8,), "u1", external=[("/etc/passwd", 0, 8)])
            else:
                layout = h5py.VirtualLayout((8,), "u1")
                layout[:] = h5py.VirtualSource("/etc/passwd", "/w", (8,))
                file.create_virtual_dataset("w", layout)
    return [
        Plant("linked.h5", kinds.KERAS_2, "reads outside", "/w"),
        Plant("raw.h5", kinds.KERAS_2, "reads outside", "/w"),
        Plant("virtual.h5", kinds.KERAS_2, "reads outside", "/w"),
    ]


def tensorflow_plants(folder: Path, tf, canary: Path) -> list[Plant]:
    class Writing(tf.saved_model.experimental.TrackableResource):
        def _create_resource(self):
            return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

        def _initialize(self):
            tf.io.write_file(str(canary), "ran")

    class Model(tf.Module):
        def __init__(self, *, is_evil):
            if is_evil:
                self.resource = Writing()
                _ = self.resource.resource_handle

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        def plain(self, x):
            return {"y": x * 2}

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        def writing(self, x):
            tf.io.write_file(str(canary), "ran")
            return {"y": x * 2}

    evil = Model(is_evil=True)
    tf.saved_model.save(evil, folder / "initializer", signatures=evil.plain)
    body = Model(is_evil=False)
    tf.saved_model.save(body, folder / "body", signatures=body.writing)
    concrete = body.writing.get_concrete_function()
    (folder / "frozen.pb").write_bytes(concrete.graph.as_graph_def().SerializeToString())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], body)
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS,
    ]  # fmt: skip
    (folder / "flex.tflite").write_bytes(converter.convert())
    canary.unlink(missing_ok=True)
    tf.saved_model.save(body, folder / "linked", signatures=body.plain)
    (folder / "linked" / "assets").mkdir(exist_ok=True)
    (folder / "linked" / "assets" / "vocabulary").symlink_to("/etc/passwd")
    return [
        Plant("initializer", kinds.SAVED_MODEL, "runs code", "WriteFile"),
        Plant("body", kinds.SAVED_MODEL, "runs code", "WriteFile"),
        Plant("frozen.pb", kinds.GRAPH_DEF, "runs code", "WriteFile"),
        Plant("flex.tflite", kinds.TFLITE, "runs code", "FlexWriteFile"),
        Plant("linked", kinds.SAVED_MODEL, "reads outside", "assets/vocabulary"),
    ]


def torch_plants(folder: Path, torch, canary: Path) -> list[Plant]:
    class Doubling(torch.nn.Module):
        def forward(self, x):
            return x.reshape(x.shape[0], 2) * 2

    rows = torch.export.Dim("rows", min=2, max=64)
    program = torch.export.export(Doubling(), (torch.zeros(3, 2),), dynamic_shapes=({0: rows},))
    torch.export.save(program, folder / "good.pt2")
    payload = io.BytesIO()
    torch.save(((Payload(canary),), {}), payload)
    _rewrite(
        folder / "good.pt2", folder / "inputs.pt2", "sample_inputs", lambda _: payload.getvalue()
    )
    code = f"__import__('pathlib').Path({str(canary)!r}).write_text('ran')"
    _rewrite(
        folder / "good.pt2", folder / "sizes.pt2", "models/model.json",
        lambda text: _with_size(text, code),
    )  # fmt: skip
    _rewrite(
        folder / "good.pt2", folder / "target.pt2", "models/model.json",
        lambda text: text.replace(b"torch.ops.aten.mul.Tensor", b"torch.serialization.os.remove"),
    )  # fmt: skip
    torch.save({"w": Payload(canary)}, folder / "state.pth")
    torch.save({"w": Payload(canary)}, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"w": Payload(canary)}, folder / "four.pth", pickle_protocol=4)
    torch.jit.script(_writing(torch, canary)).save(folder / "script.pt")
    return [
        Plant("inputs.pt2", kinds.TORCH_EXPORT, "runs code", "opcode GLOBAL"),
        Plant("sizes.pt2", kinds.TORCH_EXPORT, "runs code", "models/model.json"),
        Plant("target.pt2", kinds.TORCH_EXPORT, "runs code", "node 'mul'"),
        Plant("state.pth", kinds.TORCH_STATE_DICT, "runs code", "opcode GLOBAL"),
        Plant("legacy.pth", kinds.TORCH_STATE_DICT, "runs code", "opcode GLOBAL"),
        Plant("four.pth", kinds.TORCH_STATE_DICT, "runs code", "opcode STACK_GLOBAL"),
        Plant("script.pt", kinds.TORCHSCRIPT, "runs code", "torch.from_file"),
    ]


def _writing(torch, canary: Path):
    class Writing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.path: str = str(canary)

        def forward(self, x):
            return x + torch.from_file(self.path, True, 2)

    return Writing()


def _with_size(text: bytes, code: str) -> bytes:
    """Every size that is an expression becomes *code*."""
    program = json.loads(text)
    waiting = [program]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "expr_str" in value:
                value["expr_str"] = code
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return json.dumps(program).encode()


def _rewrite(source: Path, target: Path, part: str, change) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            name = member.filename.replace(source.stem, target.stem, 1)
            new.writestr(name, change(content) if part in member.filename else content)


def onnx_plants(folder: Path, onnx) -> list[Plant]:
    outside = folder / "outside.bin"
    outside.write_bytes(np.zeros(4, np.float32).tobytes())
    plants = []
    for name in ("parent", "absolute", "symbolic", "hard", "nested", "foreign"):
        home = folder / f"onnx_{name}"
        home.mkdir()
        (home / "own.bin").write_bytes(outside.read_bytes())
        (home / "symbolic.bin").symlink_to(outside)
        (home / "hard.bin").hardlink_to(outside)
        location = {"parent": "../outside.bin", "absolute": str(outside)}.get(name, f"{name}.bin")
        location = {"nested": "../outside.bin", "foreign": "own.bin"}.get(name, location)
        onnx.save(_model(onnx, location, name), home / "model.onnx")
        what, where = (
            ("runs code", "evil.domain:Run") if name == "foreign" else ("reads outside", "'w'")
        )
        plants.append(Plant(f"onnx_{name}/model.onnx", kinds.ONNX, what, where))
    return plants


def _model(onnx, location: str, name: str):
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weight = onnx.TensorProto(
        name="w", dims=[4], data_type=floats, data_location=onnx.TensorProto.EXTERNAL
    )
    weight.external_data.add(key="location", value=location)
    if name == "nested":
        constant = helper.make_node("Constant", [], ["c"], value=weight)
        result = helper.make_tensor_value_info("c", floats, [4])
        branch = helper.make_graph([constant], "branch", [], [result])
        yes = helper.make_node("Constant", [], ["yes"], value_int=1)
        either = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
        nodes, weights = [yes, either], []
    else:
        domain = "evil.domain" if name == "foreign" else ""
        nodes = [helper.make_node("Run" if domain else "Add", ["x", "w"], ["y"], domain=domain)]
        weights = [weight]
    x, y = (helper.make_tensor_value_info(each, floats, [4]) for each in "xy")
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
