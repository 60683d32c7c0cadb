"""The whole of it on a real model: the bundled digits, their Keras source, real drawings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from export.graph.session import open_session, run
from export.parity import (
    Witness,
    find_divergence,
    from_samples,
    prove_on,
    read_report,
    seeded,
    write_report,
)
from export.parity.page import About, write_html
from export.recipes import numbers
from model_store.preprocess import to_tensor
from model_store.spec import ModelVersion
from model_store.store import Store
from tests.support import BUNDLED_STORE

DRAWINGS = Path(__file__).parents[2] / "model_store" / "golden"
SOURCE = Path(numbers.__file__).parent / "numbers.keras"
STORE = Store(BUNDLED_STORE)
VERSION = ModelVersion("numbers", 1)
GRAPH = STORE.folder(VERSION) / "model.onnx"
SIGNATURE = STORE.manifest(VERSION).signatures["serving_default"]


@pytest.fixture(scope="module")
def model(keras):
    return keras.models.load_model(SOURCE, compile=False)


@pytest.fixture(scope="module")
def source(model):
    return lambda inputs: {"scores": np.asarray(model(inputs["image"].astype("float32") / 255))}


@pytest.fixture(scope="module")
def samples():
    pictures = [
        to_tensor(path.read_bytes(), numbers.CONTRACT) for path in sorted(DRAWINGS.glob("*.*g"))
    ]
    return from_samples({"image": np.concatenate(pictures)}, SIGNATURE, "drawings")  # fmt: skip


def exported(graph):
    session = open_session(graph, threads=1)
    return lambda inputs: run(session, inputs)


def test_the_bundled_graph_is_its_source_on_drawings_and_on_drawn_bytes(source, samples, tmp_path):
    proof = prove_on(source, exported(GRAPH), samples)
    assert proof.report.passed
    assert proof.report.max_abs_error < 5e-6
    assert proof.is_row_wise
    assert prove_on(source, exported(GRAPH), seeded(SIGNATURE)).report.passed
    write_report(proof.report, tmp_path / "parity.json")
    assert read_report(tmp_path / "parity.json") == proof.report
    labels = tuple(map(str, range(10)))
    write_html(proof.report, proof.evidence, tmp_path / "parity.html", About("numbers/1", SOURCE.name, labels))  # fmt: skip
    assert 20_000 < (tmp_path / "parity.html").stat().st_size < 200_000


def test_a_damaged_graph_names_the_convolution_that_was_damaged(
    keras, model, source, samples, tmp_path
):
    proto = onnx.load(GRAPH)
    kernels = [w for w in proto.graph.initializer if numpy_helper.to_array(w).shape[:1] == (64,)]
    values = numpy_helper.to_array(kernels[0])
    kernels[0].CopyFrom(numpy_helper.from_array(values * np.float32(1.2), kernels[0].name))
    onnx.save(proto, tmp_path / "damaged.onnx")
    proof = prove_on(source, exported(tmp_path / "damaged.onnx"), samples)
    assert not proof.report.passed
    feeds = proof.evidence.failing
    scaled = feeds["image"].astype("float32") / 255
    watched = keras.Model(model.inputs[0], [layer.output for layer in model.layers])
    layers = [
        (layer.name, {"out": np.asarray(out)})
        for layer, out in zip(model.layers, watched(scaled), strict=True)
    ]
    found = find_divergence(
        tmp_path / "damaged.onnx", feeds, Witness({"image": scaled}, source(feeds), layers)
    )
    # Its normalising was merged into it: either is the place.
    assert found.layer in (model.layers[6].name, model.layers[7].name)
    assert found.op_type == "Conv"
    assert found.last_equal == model.layers[5].name
    report = replace(proof.report, divergence=found)
    write_report(report, tmp_path / "parity.json")
    assert read_report(tmp_path / "parity.json").divergence == found
