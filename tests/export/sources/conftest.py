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
        # ONNX Runtime takes strings as objects, and would write bytes as "b'...'".
        fed = {
            name: np.char.decode(array).astype(object) if array.dtype.kind == "S" else array
            for name, array in inputs.items()
        }
        outputs = session.run(names, fed)
        return {
            name: output.astype(np.bytes_) if output.dtype == object else output
            for name, output in zip(names, outputs, strict=True)
        }

    return run


@pytest.fixture(scope="session")
def keras(tf):
    import keras

    keras.utils.set_random_seed(5)
    return keras


@pytest.fixture(scope="session")
def tf_keras(tf):
    import tf_keras

    tf_keras.utils.set_random_seed(5)
    return tf_keras


@pytest.fixture
def assert_same(run_onnx, tmp_path):
    """Converts a source and holds ONNX Runtime's outputs against its own, by batch size."""

    def check(source, make, *, signature="serving_default", atol=1e-5):
        notes = source.to_onnx(signature, tmp_path)
        promised = source.describe().signatures[signature]
        # The source is asked twice, with other lengths; seven rows also as their first.
        for rows, batches in ((7, (7, 1)), (2, (2,))):
            inputs = make(rows)
            want = source.run(signature, inputs)
            for batch in batches:
                first = {name: array[:batch] for name, array in inputs.items()}
                got = run_onnx(tmp_path / "model.onnx", first)
                assert got.keys() == want.keys() == {spec.name for spec in promised.outputs}
                for spec in promised.outputs:
                    compare(got[spec.name], want[spec.name][:batch], spec, atol)
        return notes

    return check


def compare(got, want, spec, atol):
    dtype = "bytes" if got.dtype.kind == "S" else got.dtype.name
    assert (dtype, got.shape, got.dtype.kind) == (spec.dtype, want.shape, want.dtype.kind)
    assert spec.fits(got.shape)
    if got.dtype.kind == "f":
        assert np.isfinite(want).all()
        assert np.abs(got - want).max() <= atol
    else:
        assert np.array_equal(got, want)
