"""Small models of every kind, built by the frameworks themselves, each made once."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def tf():
    import tensorflow as tf

    tf.random.set_seed(5)
    return tf


@pytest.fixture(scope="session")
def run_onnx():
    """Runs a graph file and gives its outputs by name."""
    import onnxruntime as ort

    def run(path, inputs):
        session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        # ONNX Runtime takes strings as objects.
        fed = {
            name: array.astype(object) if array.dtype.kind == "S" else array
            for name, array in inputs.items()
        }
        outputs = session.run(names, fed)
        return {
            name: output.astype(np.bytes_) if output.dtype == object else output
            for name, output in zip(names, outputs, strict=True)
        }

    return run
