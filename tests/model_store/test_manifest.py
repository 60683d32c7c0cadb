"""The manifest: JSON and back, and the many ways to damage one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store import manifest as manifests
from model_store.errors import BadVersion
from model_store.manifest import FileDigest, Manifest
from model_store.spec import ModelVersion, Signature, TensorSpec
from tests.model_store.pictures import DIGIT
from tests.model_store.test_contract import ANY_JSON, contracts_of_any_kind

SPECS = st.builds(
    TensorSpec,
    name=st.text(),
    dtype=st.sampled_from(["uint8", "float32", "bytes"]),
    shape=st.none() | st.lists(st.none() | st.integers(0, 9), max_size=4).map(tuple),
)
SIGNATURES = st.builds(
    Signature,
    inputs=st.lists(SPECS, max_size=2).map(tuple),
    outputs=st.lists(SPECS, max_size=2).map(tuple),
    method=st.sampled_from(["predict", "classify", "regress"]),
    is_row_wise=st.booleans(),
)
DIGESTS = st.builds(
    FileDigest, sha256=st.text("0123456789abcdef", min_size=64, max_size=64), bytes=st.integers(0)
)
TEXTS = st.dictionaries(st.text(), st.text(), max_size=3)


@st.composite
def manifests_of_any_kind(draw) -> Manifest:
    files = draw(st.dictionaries(st.text(), DIGESTS, max_size=3))
    named = st.none() | st.sampled_from(sorted(files)) if files else st.none()
    return Manifest(
        model=ModelVersion(draw(st.text()), draw(st.integers(0))),
        format=draw(st.sampled_from(["onnx", "saved_model"])),
        created=draw(st.text()),
        signatures={"serving_default": draw(SIGNATURES), draw(st.text()): draw(SIGNATURES)},
        files=files,
        input_contract=draw(st.none() | contracts_of_any_kind()),
        labels_file=draw(named),
        golden_file=draw(named),
        parity_file=draw(named),
        tag=draw(st.text()),
        source=draw(TEXTS),
        exporter=draw(TEXTS),
    )


NUMBERS = Manifest(
    model=ModelVersion("numbers", 3),
    format="onnx",
    created="2026-11-22T12:00:00+00:00",
    signatures={
        "serving_default": Signature(
            (TensorSpec("image", "uint8", (None, 28, 28, 1)),),
            (TensorSpec("scores", "float32", (None, 10)),),
        )
    },
    files={"model.onnx": FileDigest("0" * 64, 5), "labels.txt": FileDigest("1" * 64, 20)},
    input_contract=DIGIT,
    labels_file="labels.txt",
    tag="first",
    source={"file": "numbers.keras"},
    exporter={"keras": "3.15.1"},
)
GOOD = json.loads(manifests.encode(NUMBERS))
NEEDED = {"schema", "model", "version", "format", "created", "signatures", "files"}


@given(manifests_of_any_kind())
def test_a_manifest_survives_json(manifest):
    assert manifests.decode(manifests.encode(manifest)) == manifest


def test_a_signature_of_an_older_manifest_is_for_prediction():
    older = json.loads(manifests.encode(NUMBERS))
    del older["signatures"]["serving_default"]["method"]
    assert manifests.decode(json.dumps(older)) == NUMBERS
    assert NUMBERS.signatures["serving_default"].method == "predict"


def test_the_same_manifest_is_always_the_same_text_and_a_person_can_read_it():
    text = manifests.encode(NUMBERS)
    assert text == manifests.encode(replace(NUMBERS))
    assert text.endswith("}\n")
    assert '  "version": 3' in text.splitlines()[-2]


@pytest.mark.parametrize("key", sorted(NEEDED))
def test_a_manifest_that_lacks_something_says_what(key):
    damaged = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(BadVersion, match=f"manifest.json lacks '{key}'"):
        manifests.decode(json.dumps(damaged))


@pytest.mark.parametrize("key", sorted(GOOD.keys() - NEEDED))
def test_what_a_model_may_lack_has_a_default(key):
    manifests.decode(json.dumps({name: value for name, value in GOOD.items() if name != key}))


def test_a_key_of_a_later_easel_is_passed_over():
    assert manifests.decode(json.dumps(GOOD | {"colour": "red"})) == NUMBERS


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"schema": 2}, "has schema 2, this is 1"),
        ({"schema": None}, "has schema None"),
        ({"format": "torchscript"}, "no runtime for format 'torchscript'"),
        ({"format": ["onnx"]}, "no runtime for format"),
        ({"format": None}, "no runtime for format None"),
        ({"signatures": {}}, "has no signature"),
        ({"signatures": ["serving_default"]}, "cannot be read"),
        ({"signatures": None}, "has no signature"),
        ({"signatures": {"serving_default": {}}}, "lacks 'inputs'"),
        ({"signatures": {"serving_default": {"inputs": []}}}, "lacks 'outputs'"),
        ({"signatures": {"serving_default": None}}, "cannot be read"),
        ({"signatures": {"serving_default": {"inputs": [5], "outputs": []}}}, "cannot be read"),
        (
            {"signatures": {"serving_default": {"inputs": [], "outputs": [], "method": "x"}}},
            "'x' is no method; there are predict, classify, regress",
        ),
        (
            {"signatures": {"serving_default": {"inputs": [], "outputs": [], "is_row_wise": 1}}},
            "1 is neither true nor false",
        ),
        ({"model": None}, "None is not text"),
        ({"version": "3"}, "'3' is not a whole number"),
        ({"version": 3.5}, "3.5 is not a whole number"),
        ({"version": True}, "True is not a whole number"),
        ({"version": -1}, "-1 is not a whole number"),
        ({"version": float("inf")}, "inf is not a whole number"),
        ({"created": 20261122}, "20261122 is not text"),
        ({"files": []}, "cannot be read"),
        ({"files": {"model.onnx": {}}}, "lacks 'sha256'"),
        ({"files": {"model.onnx": {"sha256": "0", "bytes": "5"}}}, "'5' is not a whole number"),
        ({"files": {"model.onnx": "0" * 64}}, "cannot be read"),
        ({"labels_file": 5}, "5 is not among its files"),
        ({"labels_file": "../../../etc/passwd"}, "'../../../etc/passwd' is not among its files"),
        ({"golden_file": "golden.npz"}, "'golden.npz' is not among its files"),
        ({"parity_file": ["labels.txt"]}, "cannot be read"),
        ({"input_contract": {"kind": "audio"}}, "kind must be"),
        ({"input_contract": []}, "JSON object"),
        ({"tag": 1}, "1 is not text"),
        ({"source": {"file": None}}, "None is not text"),
        ({"exporter": "keras"}, "cannot be read"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_a_value_of_the_wrong_type_is_refused_with_a_reason(change, complaint):
    with pytest.raises(BadVersion, match=complaint):
        manifests.decode(json.dumps(GOOD | change))


@pytest.mark.parametrize("axis", ["28", 28.0, True, -1])
def test_an_axis_is_a_length_or_free(axis):
    spec = {"name": "image", "dtype": "uint8", "shape": [None, axis]}
    damaged = GOOD | {"signatures": {"serving_default": {"inputs": [spec], "outputs": []}}}
    with pytest.raises(BadVersion, match="is not a whole number"):
        manifests.decode(json.dumps(damaged))


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", '"schema"', "5", "[" * 100_000, '{"schema": 1', "\x00"],
    ids=lambda text: text[:8],
)
def test_what_is_no_json_object_is_refused(text):
    with pytest.raises(BadVersion, match=r"manifest\.json"):
        manifests.decode(text)


def test_a_manifest_cut_short_anywhere_is_refused():
    text = manifests.encode(NUMBERS).rstrip()
    for length in range(len(text)):
        with pytest.raises(BadVersion):
            manifests.decode(text[:length])


@given(st.sampled_from(sorted(GOOD)), ANY_JSON)
def test_any_json_in_any_place_is_a_manifest_or_refused(key, value):
    text = json.dumps(GOOD | {key: value})
    try:
        found = manifests.decode(text)
    except BadVersion as error:
        assert str(error)
    else:
        assert manifests.decode(manifests.encode(found)) == found
