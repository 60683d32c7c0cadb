"""The versions in this repository's own store are whole, proven and small."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import model_store
from model_store.spec import ModelVersion
from model_store.store import Store
from tests.model_store.pictures import DIGIT

STORE = Store(Path(model_store.__file__).parent / "models")
VERSIONS = [
    ModelVersion(name, number) for name in STORE.models() for number in STORE.versions(name)
]


def test_the_store_has_the_numbers_model():
    assert ModelVersion("numbers", 1) in VERSIONS


@pytest.mark.parametrize("model", VERSIONS, ids=str)
def test_a_bundled_version_is_what_was_published(model):
    STORE.verify(model)


@pytest.mark.parametrize("model", VERSIONS, ids=str)
def test_a_bundled_version_travels_with_a_proof_that_passed(model):
    manifest = STORE.manifest(model)
    proof = json.loads((STORE.folder(model) / manifest.parity_file).read_text())
    assert proof["passed"] is True
    assert {1, 2, 7} <= {output["batch"] for output in proof["outputs"]}
    assert "random" not in proof["samples"]


@pytest.mark.parametrize("model", VERSIONS, ids=str)
def test_a_bundled_version_is_as_an_export_of_today_leaves_it(model):
    manifest = STORE.manifest(model)
    proof = json.loads((STORE.folder(model) / manifest.parity_file).read_text())
    assert proof["schema"] == 1
    assert proof["versions"].items() <= manifest.exporter.items()
    assert "parity.html" in manifest.files
    assert manifest.author
    assert manifest.licence
    assert manifest.source.keys() >= {"file", "kind", "route", "sha256"}


@pytest.mark.parametrize("model", VERSIONS, ids=str)
def test_golden_samples_fit_the_signature_and_the_labels(model):
    manifest = STORE.manifest(model)
    signature = manifest.signatures["serving_default"]
    with np.load(STORE.folder(model) / manifest.golden_file) as golden:
        arrays = dict(golden)
    specs = {f"input:{spec.name}": spec for spec in signature.inputs}
    specs |= {f"output:{spec.name}": spec for spec in signature.outputs}
    assert specs.keys() <= arrays.keys()
    for name, spec in specs.items():
        spec.check(arrays[name].dtype.name, arrays[name].shape)
        assert len(arrays[name]) == 16
    labels = STORE.class_labels(manifest)
    assert not labels or len(labels) == signature.outputs[0].shape[1]


@pytest.mark.parametrize("model", VERSIONS, ids=str)
def test_the_contract_and_the_signature_speak_of_the_same_tensor(model):
    manifest = STORE.manifest(model)
    (image,) = manifest.signatures["serving_default"].inputs
    contract = manifest.input_contract
    assert (image.name, image.dtype, image.shape) == (
        contract.tensor,
        "uint8",
        (None, *contract.shape),
    )


def test_numbers_asks_for_centred_light_ink_and_has_ten_labels():
    manifest = STORE.manifest(ModelVersion("numbers", 1))
    assert manifest.input_contract == DIGIT
    assert STORE.class_labels(manifest) == tuple("0123456789")
