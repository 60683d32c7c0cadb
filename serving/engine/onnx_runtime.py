"""A graph in ONNX Runtime, behind ``serving.engine.session``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from model_store.errors import BadVersion
from model_store.spec import Signature, TensorSpec
from serving.api.calls import Tensor, Tensors
from serving.engine.session import Abort

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(string)": "bytes",
}


class OrtSession:
    """One ONNX graph in memory."""

    def __init__(self, path: Path, *, intra_op_threads: int) -> None:
        """Load and optimise the graph at *path*.

        Raises:
            BadVersion: ONNX Runtime cannot load it.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads burn the cores that the transport and the neighbours need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            # From a path and not from bytes: weights beside the graph are found that way.
            self._session = ort.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        # ONNX Runtime's exceptions have no common base of their own.
        except Exception as error:
            raise BadVersion(f"{path}: ONNX Runtime cannot load it: {error}") from error

    @property
    def signature(self) -> Signature:
        """What the graph itself says it takes and gives."""
        return Signature(
            tuple(_spec(node) for node in self._session.get_inputs()),
            tuple(_spec(node) for node in self._session.get_outputs()),
        )

    def run(
        self, outputs: Sequence[str], inputs: Tensors, abort: Abort | None = None
    ) -> list[Tensor]:
        """Compute the named *outputs*, in that order; see ``Session``."""
        options: ort.RunOptions | None = None
        if abort is not None:
            options = ort.RunOptions()
            abort.bind(lambda: setattr(options, "terminate", True))
        results: list[Tensor] = self._session.run(outputs, inputs, options)
        return [_strings_as_bytes(result) for result in results]


def _strings_as_bytes(tensor: Tensor) -> Tensor:
    if tensor.dtype != np.object_:
        return tensor
    encoded = np.empty(tensor.size, object)
    encoded[:] = [text.encode() if isinstance(text, str) else text for text in tensor.flat]
    return encoded.reshape(tensor.shape)


def _spec(node: ort.NodeArg) -> TensorSpec:
    dtype = _DTYPES.get(node.type) or node.type.removeprefix("tensor(").removesuffix(")")
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(node.name, dtype, shape)
