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
    """

    title: str
    module: str
    framework: str

    @property
    def has_saved_model(self) -> bool:
        """Whether it can become a SavedModel: TensorFlow's own can, but for TensorFlow Lite."""
        return self.framework in ("keras", "tensorflow") and self != KINDS[TFLITE]


KERAS_3, KERAS_2, KERAS_2_SAVED_MODEL = "keras-3", "keras-2", "keras-2-saved-model"
SAVED_MODEL, GRAPH_DEF, TFLITE = "saved-model", "graph-def", "tflite"
TORCH_EXPORT, TORCHSCRIPT, TORCH_STATE_DICT = "torch-pt2", "torchscript", "torch-state-dict"
ONNX = "onnx"

KINDS: Mapping[str, Kind] = {
    KERAS_3: Kind("Keras 3", "export.sources.keras3", "keras"),
    KERAS_2: Kind("Keras 2", "export.sources.keras2", "tensorflow"),
    KERAS_2_SAVED_MODEL: Kind("Keras 2 SavedModel", "export.sources.saved_model", "tensorflow"),
    SAVED_MODEL: Kind("TensorFlow SavedModel", "export.sources.saved_model", "tensorflow"),
    GRAPH_DEF: Kind("frozen TensorFlow graph", "export.sources.graph_def", "tensorflow"),
    TFLITE: Kind("TensorFlow Lite", "export.sources.tflite", "tensorflow"),
    TORCH_EXPORT: Kind("PyTorch exported program", "export.sources.torch_export", "torch"),
    TORCHSCRIPT: Kind("TorchScript", "export.sources.torchscript", "torch"),
    TORCH_STATE_DICT: Kind("PyTorch state dict", "export.sources.torch_module", "torch"),
    ONNX: Kind("ONNX", "export.sources.onnx_file", "onnx"),
}
