"""From a source to a version in the store, or a refusal and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from export.exporter import export_held
from export.kinds import KERAS_3, KINDS
from export.request import ExportRequest
from export.scaling import Scaling
from export.sources.source import Options
from model_store.contract import ImageContract
from model_store.digests import digest_file
from model_store.errors import ExportRefused
from model_store.spec import ModelVersion, TensorSpec
from model_store.store import Store

CONTRACT = ImageContract("picture", (8, 8), "L", (255,))
SAMPLES = np.random.default_rng(2).integers(0, 256, (20, 8, 8, 1), np.uint8)
UNIT = Scaling((1 / 255,))


@dataclass
class Held:
    """A source in this process, whose answers may be altered: stands where a held one stands."""

    source: Any
    folder: Path
    alter: Callable[[Any], Any] = lambda outputs: outputs

    def run(self, signature, inputs):
        return self.alter(self.source.run(signature, inputs))

    def __getattr__(self, name):
        return getattr(self.source, name)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "models")


@pytest.fixture(scope="session")
def load(save):
    from export.sources import keras3

    def saved_and_loaded(model, name):
        path = save(model, name)
        return path, keras3.load(path, Options())

    return saved_and_loaded


@pytest.fixture(scope="session")
def tiny(load, sequential):
    return load(sequential, "tiny.keras")


@pytest.fixture
def request_of(tmp_path):
    def make(path, samples=SAMPLES, **more):
        np.savez(tmp_path / "samples.npz", picture=samples)
        request = ExportRequest(
            source=path,
            name="tiny",
            contract=CONTRACT,
            scaling=UNIT,
            labels=("cat", "dog", "새"),
            samples=tmp_path / "samples.npz",
            tag="first try",
            report=str(tmp_path / "report"),
            licence="CC0-1.0",
            author="Kim",
        )
        return replace(request, **more)

    return make


@pytest.fixture
def export(store, tmp_path):
    """Exports and gives what was told on the way."""

    def run(request, source, **held):
        steps = []
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        made = Held(source, work, **held)
        return export_held(request, KINDS[KERAS_3], made, store, steps.append), steps

    return run


def assert_nothing_is_left(store):
    assert store.versions("tiny") == ()
    home = store.root / "tiny"
    assert not home.exists() or not list(home.iterdir())


def test_a_published_version_is_whole_and_says_what_it_is(export, request_of, store, tiny):
    path, source = tiny
    exported, steps = export(request_of(path), source)
    assert exported.model == ModelVersion("tiny", 1)
    assert steps == [
        "converting to ONNX",
        "proving that the ONNX is equal, on samples.npz, array 'picture'",
        "publishing",
    ]
    manifest = store.verify(exported.model)
    assert set(manifest.files) == {
        "model.onnx", "labels.txt", "golden.npz", "parity.json", "parity.html",
    }  # fmt: skip
    assert manifest.input_contract == CONTRACT
    assert (manifest.tag, manifest.licence, manifest.author) == ("first try", "CC0-1.0", "Kim")
    assert manifest.source["file"] == "tiny.keras"
    assert manifest.source["sha256"] == digest_file(path).sha256
    assert manifest.exporter.keys() >= {"easel", "keras", "tensorflow", "tf2onnx", "onnxruntime"}
    assert manifest.created.endswith("+00:00")
    assert store.class_labels(manifest) == ("cat", "dog", "새")
    signature = manifest.signatures["serving_default"]
    assert signature.inputs == (TensorSpec("picture", "uint8", (None, 8, 8, 1)),)
    assert signature.outputs == (TensorSpec("scores", "float32", (None, 3)),)
    assert signature.is_batched


def test_golden_samples_are_the_first_rows_and_the_sources_own_outputs(
    export, request_of, tiny, store
):
    path, source = tiny
    exported, _ = export(request_of(path), source)
    with np.load(store.folder(exported.model) / "golden.npz", allow_pickle=False) as golden:
        assert set(golden) == {"input:picture", "output:scores"}
        assert np.array_equal(golden["input:picture"], SAMPLES[:16])
        ((name, given),) = [(spec.name, UNIT.apply(SAMPLES[:16])) for spec in own_inputs(source)]
        want = source.run("serving_default", {name: given})["scores"]
        assert np.allclose(golden["output:scores"], want, atol=1e-6)


def test_the_proof_covers_every_output_at_every_batch_size(export, request_of, tiny, store):
    path, source = tiny
    exported, _ = export(request_of(path), source)
    proof = json.loads((store.folder(exported.model) / "parity.json").read_text())
    assert proof["passed"] is True
    assert proof["samples"] == "samples.npz, array 'picture'"
    assert [(item["name"], item["batch"], item["rows"]) for item in proof["outputs"]] == [
        ("scores", 1, 20), ("scores", 2, 20), ("scores", 7, 20), ("scores", 32, 32),
    ]  # fmt: skip
    assert proof["max_abs_error"] == exported.findings.report.max_abs_error < 1e-5


def test_what_was_found_out_on_the_way_stands_in_the_proof_once(export, request_of, tiny):
    path, source = tiny
    exported, _ = export(request_of(path, notes=("preprocessing: the same pixels",)), source)
    notes = exported.findings.notes
    assert notes.count("preprocessing: the same pixels") == 1
    assert tuple(exported.findings.report.to_json()["notes"]) == notes


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_two_outputs_are_published_by_name(export, request_of, load, functional, suffix, store):
    exported, _ = export(*_two_heads(request_of, load, functional, suffix))
    session = ort.InferenceSession(str(store.folder(exported.model) / "model.onnx"))
    assert [output.name for output in session.get_outputs()] == ["kind", "tilt"]
    assert {item.name for item in exported.findings.report.outputs} == {"kind", "tilt"}


def _two_heads(request_of, load, functional, suffix):
    path, source = load(functional, f"two_heads.{suffix}")
    return request_of(path), source


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_model_that_normalises_by_itself_needs_no_scaling(
    export, request_of, load, normalizing, suffix
):
    path, source = load(normalizing, f"normalizing_too.{suffix}")
    exported, _ = export(request_of(path, scaling=Scaling()), source)
    assert exported.findings.report.passed


def test_the_next_export_is_the_next_version_and_the_first_stays(export, request_of, store, tiny):
    path, source = tiny
    first, _ = export(request_of(path), source)
    second, _ = export(request_of(path, labels=()), source)
    assert second.model == ModelVersion("tiny", 2)
    assert not (store.folder(second.model) / "labels.txt").exists()
    assert store.manifest(second.model).labels_file is None
    store.verify(first.model)


def nudged(outputs):
    return {name: output + np.float32(0.01) for name, output in outputs.items()}


DIFFERENCES = {
    "nudged": (nudged, "output scores at batch 1 differs by 0.01, top-1 agreement 100.00%"),
    "nan": (lambda outputs: {"scores": outputs["scores"] * np.nan}, "differs by inf"),
    "renamed": (
        lambda outputs: {"other": outputs["scores"]},
        "output other at batch 1: the exported model has no such output",
    ),
    "one more": (
        lambda outputs: outputs | {"more": outputs["scores"]},
        "output more at batch 1: the exported model has no such output",
    ),
    "float64": (
        lambda outputs: {"scores": outputs["scores"].astype(float)},
        "the source gives float64.*, the export float32",
    ),
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_a_graph_that_is_not_the_source_is_refused_and_nothing_is_published(
    export, request_of, store, tiny, what, tmp_path
):
    path, source = tiny
    alter, complaint = DIFFERENCES[what]
    with pytest.raises(ExportRefused, match=complaint) as caught:
        export(request_of(path), source, alter=alter)
    assert "; nothing was published; see " in str(caught.value)
    assert (tmp_path / "report" / "parity.html").exists()
    assert json.loads((tmp_path / "report" / "parity.json").read_text())["passed"] is False
    assert_nothing_is_left(store)


def test_one_row_of_many_is_enough_to_refuse(export, request_of, tiny):
    path, source = tiny
    (spec,) = own_inputs(source)
    odd = source.run("serving_default", {spec.name: UNIT.apply(SAMPLES[13:14])})["scores"]

    def turn_that_row(outputs):
        is_odd = np.isclose(outputs["scores"], odd).all(axis=1, keepdims=True)
        return {"scores": np.where(is_odd, outputs["scores"][:, ::-1], outputs["scores"])}

    with pytest.raises(ExportRefused, match="at batch 1 differs by .*, top-1 agreement 95.00%"):
        export(request_of(path), source, alter=turn_that_row)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"contract": ImageContract("picture", (8, 8))},
            r"the model takes \[8, 8, 1\], the input contract gives \[8, 8, 3\]; change --size or",
        ),
        ({"contract": replace(CONTRACT, size=(9, 8))}, "change --size or --mode"),
        ({"samples": SAMPLES.astype(np.float32)}, r"the samples are float32\[20, 8, 8, 1\]"),
        ({"samples": SAMPLES[:, :7]}, r"the samples are uint8\[20, 7, 8, 1\]"),
        ({"samples": SAMPLES[0]}, r"the samples are uint8\[8, 8, 1\]"),
        ({"samples": np.uint8(3)}, r"the samples are uint8\[\]"),
        ({"samples": SAMPLES[:0]}, "there are no samples"),
        ({"labels": ("cat", "dog")}, "there are 2 class labels for 3 scores"),
        ({"labels": ("a", "b", "c", "d")}, "there are 4 class labels for 3 scores"),
        ({"signature": "other"}, "--signature other: there are serving_default"),
        ({"scaling": Scaling((1.0, 2.0))}, "--scale has 2 numbers for 1 channel;"),
    ],
)
def test_a_request_that_does_not_fit_the_model_is_refused(
    export, request_of, store, tiny, change, complaint
):
    path, source = tiny
    with pytest.raises(ExportRefused, match=complaint):
        export(request_of(path, **change), source)
    assert_nothing_is_left(store)


def test_labels_may_belong_to_any_of_several_outputs(export, request_of, load, functional):
    request, source = _two_heads(request_of, load, functional, "keras")
    exported, _ = export(request, source)
    assert exported.model.number == 1
    with pytest.raises(ExportRefused, match="2 class labels for 1 or 3 scores"):
        export(replace(request, labels=("cat", "dog")), source)


def test_a_model_that_gives_whole_numbers_is_published(export, request_of, store, keras, load):
    layers = keras.layers
    picture = layers.Input((8, 8, 1))
    likely = keras.ops.cast(layers.Dense(3)(layers.Flatten()(picture)) * 100, "int32")
    path, source = load(keras.Model(picture, likely), "integers.keras")
    exported, _ = export(request_of(path, labels=()), source)
    (output,) = store.manifest(exported.model).signatures["serving_default"].outputs
    assert output.dtype == "int32"


def test_a_model_without_a_contract_takes_its_own_tensors(export, request_of, store, keras, load):
    layers = keras.layers
    first, second = layers.Input((4,), name="first"), layers.Input((None, 3), name="second")
    joined = layers.Concatenate()([first, layers.GlobalMaxPooling1D()(second)])
    path, source = load(keras.Model([first, second], layers.Dense(2)(joined)), "tensors.keras")
    request = request_of(path, labels=(), contract=None, scaling=Scaling(), samples=None)
    exported, _ = export(replace(request, samples=None), source)
    manifest = store.verify(exported.model)
    assert manifest.input_contract is None
    inputs = manifest.signatures["serving_default"].inputs
    assert [str(spec) for spec in inputs] == [
        "first: float32[N, 4]", "second: float32[N, N, 3]",
    ]  # fmt: skip
    cases = {output.case for output in exported.findings.report.outputs}
    assert len(cases) > 1, "lengths of the free axis were tried"


def test_a_contract_for_two_inputs_is_refused(export, request_of, keras, load):
    layers = keras.layers
    pictures = [layers.Input((8, 8, 1)), layers.Input((8, 8, 1))]
    path, source = load(keras.Model(pictures, layers.Add()(pictures)), "two.keras")
    with pytest.raises(ExportRefused, match=r"has 2 inputs .*; one picture is one input"):
        export(request_of(path), source)


def own_inputs(source):
    return source.describe().signatures["serving_default"].inputs
