"""Every kind of source there is: which module loads it, and what that module needs.

``export.sniff`` says which kind a file is, ``export.workshop`` starts the module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of source.

    Attributes:
        title: What a person calls it.
        module: Its ``load(path, options) -> Source``; imported in the child process only.
        framework: Whose environment it runs in, as named in ``--python FRAMEWORK=PATH``.
        has_saved_model: Whether it can become a SavedModel.
    """

    title: str
    module: str
    framework: str
    has_saved_model: bool = False


KERAS_3, KERAS_2, KERAS_2_SAVED_MODEL = "keras-3", "keras-2", "keras-2-saved-model"
SAVED_MODEL, GRAPH_DEF, TFLITE = "saved-model", "graph-def", "tflite"
TORCH_EXPORT, TORCHSCRIPT, TORCH_STATE_DICT = "torch-pt2", "torchscript", "torch-state-dict"
ONNX = "onnx"

KINDS: Mapping[str, Kind] = {
    KERAS_3: Kind("Keras 3", "export.sources.keras3", "keras", has_saved_model=True),
    KERAS_2: Kind("Keras 2", "export.sources.keras2", "tensorflow", has_saved_model=True),
    KERAS_2_SAVED_MODEL: Kind(
        "Keras 2 SavedModel", "export.sources.saved_model", "tensorflow", has_saved_model=True
    ),
    SAVED_MODEL: Kind(
        "TensorFlow SavedModel", "export.sources.saved_model", "tensorflow", has_saved_model=True
    ),
    GRAPH_DEF: Kind(
        "frozen TensorFlow graph", "export.sources.graph_def", "tensorflow", has_saved_model=True
    ),
    TFLITE: Kind("TensorFlow Lite", "export.sources.tflite", "tensorflow"),
    TORCH_EXPORT: Kind("PyTorch exported program", "export.sources.torch_export", "torch"),
    TORCHSCRIPT: Kind("TorchScript", "export.sources.torchscript", "torch"),
    TORCH_STATE_DICT: Kind("PyTorch state dict", "export.sources.torch_module", "torch"),
    ONNX: Kind("ONNX", "export.sources.onnx_file", "onnx"),
}
