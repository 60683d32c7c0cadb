"""Models that classify and regress, and requests for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from model_store.digests import digest_folder
from model_store.manifest import Manifest
from model_store.spec import Signature, TensorSpec
from model_store.store import Store
from serving.api.protos import tensorflow_example_pb2 as ex
from serving.api.protos import tensorflow_serving_inference_pb2 as pb
from tests.serving.engine.graphs import make_model

X = TensorSpec("x", "float32", (None, 3))
SERIALIZED = TensorSpec("inputs", "bytes", (None,))
NUMBER = TensorSpec("inputs", "float32", (None,))
SAME = TensorSpec("outputs", "float32", (None,))
CLASSES = TensorSpec("classes", "bytes", (None, 3))
SCORES = TensorSpec("scores", "float32", (None, 3))
TOTAL = TensorSpec("total", "float32", (None, 1))
COPIES = TensorSpec("classes", "bytes", (None, 1))

BEST_FIRST = {
    "serving_default": Signature((X,), (CLASSES, SCORES), "classify"),
    "only_scores": Signature((X,), (SCORES,), "classify"),
    "only_classes": Signature((X,), (CLASSES,), "classify"),
    "sum": Signature((X,), (TOTAL,), "regress"),
    "tensors": Signature((X,), (SCORES,), "predict"),
    "not_classes": Signature((X,), (TOTAL,), "classify"),
    "not_a_number": Signature((X,), (CLASSES,), "regress"),
}


def publish_classifiers(root: Path) -> None:
    """Three models, written to the store at *root*.

    ``best_first`` sorts three classes by score, ``echo`` gives its examples as classes, and
    ``same`` its number; what the latter two are for is told by their tensors' names alone.
    """
    nodes = [
        helper.make_node("TopK", ["x", "three"], ["scores", "order"], axis=1),
        helper.make_node("Gather", ["names", "order"], ["classes"]),
        helper.make_node("ReduceSum", ["x", "axes"], ["total"]),
    ]
    weights = [
        numpy_helper.from_array(np.int64([3]), "three"),
        numpy_helper.from_array(np.array(["red", "green", "blue"], object), "names"),
        numpy_helper.from_array(np.int64([1]), "axes"),
    ]
    whole = Signature((X,), (CLASSES, SCORES, TOTAL))
    _publish(root, "best_first", make_model(nodes, whole, weights), BEST_FIRST, "a\nb\n")
    echo = {"serving_default": Signature((SERIALIZED,), (COPIES,))}
    node = helper.make_node("Unsqueeze", ["inputs", "axes"], ["classes"])
    model = make_model([node], echo["serving_default"], weights[2:])
    _publish(root, "echo", model, echo, "")
    same = {"serving_default": Signature((NUMBER,), (SAME,))}
    node = helper.make_node("Identity", ["inputs"], ["outputs"])
    _publish(root, "same", make_model([node], same["serving_default"]), same, "")


def _publish(root: Path, name: str, model: onnx.ModelProto, signatures, labels: str) -> None:
    with Store(root).publishing(name) as (folder, finish):
        onnx.save(model, folder / "model.onnx")
        (folder / "labels.txt").write_text(labels)
        finish(
            lambda version: Manifest(
                model=version,
                format="onnx",
                created="2026-01-01T00:00:00+00:00",
                signatures=signatures,
                files=digest_folder(folder),
                labels_file="labels.txt",
            )
        )


def example(**features) -> ex.Example:
    """An Example; a list's kind is that of its first value."""
    found = ex.Example()
    for name, values in features.items():
        kind = {float: "float_list", int: "int64_list", bytes: "bytes_list"}[type(values[0])]
        getattr(found.features.feature[name], kind).value.extend(values)
    return found


def given(*examples: ex.Example, context: ex.Example | None = None) -> pb.Input:
    """The input of a request."""
    if context is None:
        return pb.Input(example_list=pb.ExampleList(examples=examples))
    listed = pb.ExampleListWithContext(examples=examples, context=context)
    return pb.Input(example_list_with_context=listed)
