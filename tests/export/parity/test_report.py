"""``parity.json``: the gate, and that what is written is read again, whatever is in it."""

from __future__ import annotations

import json
import tempfile
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.parity import (
    EXACT,
    LOOSE,
    STANDARD,
    Divergence,
    OutputParity,
    ParityReport,
    Tolerance,
    prove_on,
    read_report,
    write_report,
)
from export.parity.report import SCHEMA
from export.parity.tolerance import everywhere
from export.parity.trials import Group, Trials
from model_store.errors import BadVersion
from tests.support import BUNDLED_STORE

ROWS = {"x": np.arange(14, dtype=np.float32).reshape(7, 2)}
# What UTF-8 can hold.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SIZES = st.floats(0, allow_nan=False)
SHARES = st.none() | st.floats(0, 1)
COUNTS = st.integers(0, 2**40)
TOLERANCES = st.sampled_from([STANDARD, LOOSE]) | st.builds(
    lambda rtol, atol: everywhere(Tolerance(rtol, atol)), st.floats(0, 1), st.floats(0, 1)
)
OUTPUTS = st.builds(
    OutputParity,
    name=TEXT, batch=st.none() | st.integers(1, 512), case=TEXT, dtype=TEXT, rows=COUNTS,
    elements=COUNTS, beyond=COUNTS, passed=st.booleans(), max_abs_error=SIZES,
    max_rel_error=SIZES, cosine_min=SHARES, cosine_mean=SHARES, top1_agreement=SHARES,
    top5_agreement=SHARES, nan_source=COUNTS, nan_exported=COUNTS, infinite=COUNTS, mismatch=TEXT,
)  # fmt: skip
REPORTS = st.builds(
    ParityReport,
    tolerance=TOLERANCES, samples=TEXT, outputs=st.lists(OUTPUTS, max_size=4).map(tuple),
    seed=st.none() | COUNTS, notes=st.lists(TEXT, max_size=2).map(tuple),
    versions=st.dictionaries(TEXT, TEXT, max_size=3),
    divergence=st.none() | st.builds(
        Divergence, layer=TEXT, op_type=TEXT, node=TEXT, tensor=TEXT, max_abs_error=SIZES,
        last_equal=TEXT,
    ),
)  # fmt: skip


def same(inputs):
    return {"y": inputs["x"]}


def proven(source=same, exported=same):
    trials = Trials("s", (Group(ROWS, (1, 2, 7)),))
    return prove_on(source, exported, trials, everywhere(EXACT)).report


@given(REPORTS)
def test_every_report_is_read_as_it_was_written(report):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parity.json"
        write_report(report, path)
        assert read_report(path) == report
        # strict JSON: other readers know no Infinity
        json.loads(path.read_text("utf-8"), parse_constant=pytest.fail)


def test_the_gate_says_passed_and_how_far_off():
    value = proven().to_json()
    assert list(value) == [
        "schema", "passed", "max_abs_error", "samples", "seed", "tolerance", "notes",
        "divergence", "versions", "outputs",
    ]  # fmt: skip
    assert (value["schema"], value["passed"], value["max_abs_error"]) == (SCHEMA, True, 0.0)
    assert value["tolerance"]["name"] == "custom"
    assert value["outputs"][0]["batch"] == 1


def test_a_difference_that_no_number_can_say_is_null_and_read_as_infinite(tmp_path):
    report = proven(exported=lambda _: {})
    assert report.to_json()["max_abs_error"] is None
    write_report(report, tmp_path / "parity.json")
    assert read_report(tmp_path / "parity.json").max_abs_error == inf


def test_no_outputs_prove_nothing():
    report = ParityReport(STANDARD, "", ())
    assert not report.passed
    assert report.max_abs_error == inf


def test_an_output_that_is_always_empty_is_proven_as_well_as_it_can_be():
    def empty(inputs):
        return {"y": np.zeros((len(inputs["x"]), 0), np.float32)}

    assert proven(empty, empty).passed


def test_the_first_reports_are_still_read():
    report = read_report(BUNDLED_STORE / "numbers" / "1" / "parity.json")
    assert report.passed
    assert [output.batch for output in report.outputs][:3] == [1, 2, 7]


@pytest.mark.parametrize(
    "change",
    [
        {"passed": False},
        {"passed": "yes"},
        {"schema": SCHEMA + 1},
        {"schema": "1"},
        {"outputs": None},
        {"outputs": [{}]},
        {"outputs": [{"name": "y", "batch": 1, "elements": "many"}]},
        {"tolerance": {}},
        {"tolerance": [1]},
        {"tolerance": {"rtol": 1, "depth": 2}},
        {"divergence": {"node": "x"}},
    ],
    ids=str,
)
def test_a_report_that_contradicts_itself_or_is_none_is_refused(change, tmp_path):
    path = tmp_path / "parity.json"
    path.write_text(json.dumps({**proven().to_json(), **change}))
    with pytest.raises(BadVersion):
        read_report(path)


@given(st.binary(max_size=40) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(
        st.sampled_from(["passed", "tolerance", "outputs", "samples", "schema", "name"]), part,
        max_size=6,
    ),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_anything_else_is_refused_and_never_crashes(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parity.json"
        path.write_bytes(content)
        with pytest.raises(BadVersion):
            read_report(path)


def test_a_missing_report_is_refused(tmp_path):
    with pytest.raises(BadVersion, match="parity.json is not a parity report"):
        read_report(tmp_path / "parity.json")


def test_a_divergence_is_one_sentence():
    found = Divergence("dense", "MatMul", "model/dense/MatMul", "t", 0.25, "flatten")
    assert str(found) == (
        "layer dense, MatMul node model/dense/MatMul, is off by 0.25 (equal up to flatten)"
    )
    assert str(Divergence("dense")) == "layer dense"
