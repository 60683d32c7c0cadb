"""Which versions are served, under which names, and why not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from model_store.errors import ServableNotReady, SignatureNotFound, TensorMismatch
from model_store.spec import ModelVersion, Signature, TensorSpec
from model_store.store import Store
from serving.api.calls import ModelRef, Prediction
from serving.engine.engine import Engine, Missing, State, require
from serving.engine.servable import LoadOptions
from tests.support import TIMES_TWO, publish_linear

X = {"x": np.float32([[1, 2, 3]])}


@pytest.fixture
async def load(tmp_path):
    engines = []

    async def loaded() -> Engine:
        engine = Engine(Store(tmp_path), LoadOptions())
        engines.append(engine)
        await engine.load_all()
        return engine

    yield loaded
    for engine in engines:
        engine.close()


async def infer(engine: Engine, ref: ModelRef, inputs=X, **more):
    servable = engine.find(ref)
    assert not isinstance(servable, Missing)
    return await engine.infer(servable, Prediction(ref, inputs, **more), None)


async def test_the_newest_version_answers_and_says_so(tmp_path, load):
    publish_linear(tmp_path, factor=2)
    publish_linear(tmp_path, factor=3)
    answer = await infer(await load(), ModelRef("double"))
    assert answer.model == ModelVersion("double", 2)
    np.testing.assert_array_equal(answer.outputs["y"], X["x"] * 3)


async def test_the_version_labelled_stable_answers_before_the_newest(tmp_path, load):
    publish_linear(tmp_path, factor=2)
    publish_linear(tmp_path, factor=3)
    (tmp_path / "double" / "deployment.json").write_text(
        json.dumps({"labels": {"stable": 1, "canary": 2, "lost": 9}})
    )
    engine = await load()
    assert (await infer(engine, ModelRef("double"))).model.number == 1
    assert (await infer(engine, ModelRef("double", label="canary"))).model.number == 2
    assert engine.find(ModelRef("double", label="lost")) is Missing.LABELLED_VERSION
    assert engine.find(ModelRef("double", label="other")) is Missing.LABEL
    assert engine.find(ModelRef("double", version=7)) is Missing.VERSION
    assert engine.find(ModelRef("nobody")) is Missing.MODEL


def test_before_the_models_are_loaded_none_is_said_to_be_missing(tmp_path):
    publish_linear(tmp_path)
    engine = Engine(Store(tmp_path), LoadOptions())
    ref = ModelRef("double")
    assert engine.find(ref) is Missing.YET
    with pytest.raises(ServableNotReady, match="loading its models"):
        require(engine.find(ref), ref)
    engine.close()


async def test_an_altered_newest_version_is_refused_and_the_older_one_serves(tmp_path, load):
    publish_linear(tmp_path, factor=2)
    bad = publish_linear(tmp_path, factor=3)
    graph = Store(tmp_path).folder(bad) / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"?")
    engine = await load()
    assert (await infer(engine, ModelRef("double"))).model.number == 1
    first, second = engine.statuses("double")
    assert (first.state, second.state) == (State.AVAILABLE, State.END)
    assert "was altered" in second.error
    assert engine.is_ready


async def test_a_model_without_any_good_version_keeps_the_server_unready(tmp_path, load):
    publish_linear(tmp_path, "good")
    bad = publish_linear(tmp_path, "bad")
    (Store(tmp_path).folder(bad) / "model.onnx").unlink()
    engine = await load()
    assert not engine.is_ready
    assert engine.find(ModelRef("bad")) is Missing.MODEL
    assert (await infer(engine, ModelRef("good"))).model.name == "good"


async def test_an_empty_store_is_not_ready(load):
    assert not (await load()).is_ready


async def test_golden_samples_that_come_out_otherwise_refuse_the_version(tmp_path, load):
    golden = {"input:x": X["x"], "output:y": X["x"] * 2.1}
    publish_linear(tmp_path, golden=golden)
    engine = await load()
    (status,) = engine.statuses("double")
    assert "golden samples" in status.error


async def test_golden_samples_that_come_out_right_are_served(tmp_path, load):
    publish_linear(tmp_path, golden={"input:x": X["x"], "output:y": X["x"] * 2})
    assert (await load()).is_ready


async def test_golden_samples_without_the_right_arrays_refuse_the_version(tmp_path, load):
    publish_linear(tmp_path, golden={"input:z": X["x"]})
    engine = await load()
    (status,) = engine.statuses("double")
    assert status.state is State.END


async def test_a_manifest_that_promises_another_signature_is_refused(tmp_path, load):
    model = publish_linear(tmp_path)
    path = Store(tmp_path).folder(model) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["signatures"]["serving_default"]["inputs"][0]["shape"] = [None, 4]
    path.write_text(json.dumps(manifest))
    engine = await load()
    (status,) = engine.statuses("double")
    assert "the graph's are x: float32[N, 3]" in status.error


async def test_bytes_that_are_no_graph_are_refused_as_such(tmp_path, load):
    model = publish_linear(tmp_path)
    folder = Store(tmp_path).folder(model)
    (folder / "model.onnx").write_bytes(b"not a graph")
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    from model_store.digests import digest_file

    digest = digest_file(folder / "model.onnx")
    manifest["files"]["model.onnx"] = {"sha256": digest.sha256, "bytes": digest.bytes}
    path.write_text(json.dumps(manifest))
    engine = await load()
    (status,) = engine.statuses("double")
    assert "model.onnx is not an ONNX file" in status.error


async def test_a_graph_that_the_manifest_does_not_name_is_not_loaded(tmp_path, load):
    model = publish_linear(tmp_path)
    path = Store(tmp_path).folder(model) / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["files"]["model.onnx"]
    path.write_text(json.dumps(manifest))
    (status,) = (await load()).statuses("double")
    assert "model.onnx is not in the manifest" in status.error


async def test_a_manifest_without_a_graph_is_refused(tmp_path, load):
    model = publish_linear(tmp_path)
    folder = Store(tmp_path).folder(model)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"]["model.onnx"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "model.onnx").unlink()
    (status,) = (await load()).statuses("double")
    assert "names no model.onnx" in status.error


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "expected the inputs x: float32"),
        ({"z": X["x"]}, "got z"),
        ({"x": X["x"].astype(np.float64)}, "got float64"),
        ({"x": X["x"][:, :2]}, r"got float32\[1, 2\]"),
        ({"x": X["x"][0]}, r"got float32\[3\]"),
    ],
)
async def test_inputs_that_do_not_fit_are_told_apart(tmp_path, load, inputs, words):
    publish_linear(tmp_path)
    with pytest.raises(TensorMismatch, match=words):
        await infer(await load(), ModelRef("double"), inputs)


async def test_unknown_signatures_and_outputs_are_refused(tmp_path, load):
    publish_linear(tmp_path)
    engine = await load()
    with pytest.raises(SignatureNotFound):
        await infer(engine, ModelRef("double"), signature="other")
    with pytest.raises(TensorMismatch, match="no output 'q'; there are y"):
        await infer(engine, ModelRef("double"), outputs=("q",))
    with pytest.raises(TensorMismatch, match="twice"):
        await infer(engine, ModelRef("double"), outputs=("y", "y"))


async def test_a_model_without_batch_axis_is_served(tmp_path, load):
    fixed = Signature((TensorSpec("x", "float32", (3,)),), (TensorSpec("y", "float32", (3,)),))
    publish_linear(tmp_path, signature=fixed)
    answer = await infer(await load(), ModelRef("double"), {"x": np.float32([1, 2, 3])})
    np.testing.assert_array_equal(answer.outputs["y"], np.float32([2, 4, 6]))


async def test_draining_ends_readiness_and_not_service(tmp_path, load):
    publish_linear(tmp_path, signature=TIMES_TWO)
    engine = await load()
    assert engine.is_ready
    engine.drain()
    assert not engine.is_ready
    assert (await infer(engine, ModelRef("double"))).model.number == 1
