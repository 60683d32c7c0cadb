"""Parity: what agrees, what does not, and that comparing never hides a row or an output."""

from __future__ import annotations

import json
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from export.parity import (
    BATCH_SIZES,
    ParityReport,
    Tolerance,
    compare,
    compare_output,
    in_batches,
    prove,
)

EXACT = Tolerance(rtol=0.0, atol=0.0)
LOOSE = Tolerance(rtol=0.0, atol=0.01)
ROWS = {"x": np.arange(14, dtype=np.float32).reshape(7, 2)}


def compared(want, got, tolerance=LOOSE):
    return compare_output("y", np.float32(want), np.float32(got), tolerance, 1)


def test_equal_outputs_agree():
    found = compared([[0.1, 0.9]], [[0.1, 0.9]], EXACT)
    assert found.passed
    assert (found.rows, found.max_abs_error, found.top1_agreement) == (1, 0.0, 1.0)


def test_a_difference_within_the_tolerance_agrees_and_is_reported():
    found = compared([[0.1, 0.9]], [[0.1, 0.905]])
    assert found.passed
    assert found.max_abs_error == pytest.approx(0.005, rel=1e-4)


@pytest.mark.parametrize("at", range(4))
def test_one_element_beyond_the_tolerance_is_enough(at):
    got = np.zeros((2, 2), np.float32)
    got.flat[at] = 0.02
    found = compared(np.zeros((2, 2)), got)
    assert not found.agrees
    assert not found.passed
    assert found.max_abs_error == pytest.approx(0.02)


def test_the_relative_tolerance_grows_with_the_wanted_value():
    tolerance = Tolerance(rtol=0.1, atol=0.0)
    assert compared([100.0], [109.0], tolerance).agrees
    assert not compared([1.0], [1.2], tolerance).agrees


@pytest.mark.parametrize(
    ("want", "got"), [(nan, nan), (nan, 0.0), (0.0, nan), (inf, nan), (nan, inf)]
)
def test_what_is_not_a_number_never_agrees(want, got):
    found = compared([want], [got], Tolerance(rtol=inf, atol=inf) if want == got else LOOSE)
    assert not found.agrees
    assert found.max_abs_error == inf


def test_equal_infinities_agree_and_are_no_difference():
    found = compared([inf, -inf, 1.0], [inf, -inf, 1.0], EXACT)
    assert found.agrees
    assert found.max_abs_error == 0.0


@pytest.mark.parametrize(("want", "got"), [(inf, -inf), (inf, 1e30), (1e30, inf), (-inf, 0.0)])
def test_an_infinity_agrees_with_nothing_else(want, got):
    found = compared([want], [got])
    assert not found.agrees
    assert found.max_abs_error == inf


@pytest.mark.parametrize(
    ("want", "got"),
    [
        (np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float64)),
        (np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32)),
        (np.zeros((2, 3), np.float32), np.zeros((1, 3), np.float32)),
        (np.zeros((2, 1), np.float32), np.zeros(2, np.float32)),
        (np.zeros((2, 3), np.float32), None),
        (None, np.zeros((2, 3), np.float32)),
    ],
    ids=["dtype", "transposed", "broadcastable", "squeezed", "missing", "extra"],
)
def test_another_dtype_or_shape_or_none_at_all_never_agrees(want, got):
    found = compare_output("y", want, got, Tolerance(rtol=inf, atol=inf), 1)
    assert not found.passed
    assert (found.rows, found.max_abs_error, found.top1_agreement) == (0, inf, None)


def test_another_winner_fails_even_within_the_tolerance():
    found = compared([[0.500, 0.501], [0.9, 0.1]], [[0.502, 0.501], [0.9, 0.1]])
    assert found.agrees
    assert found.top1_agreement == 0.5
    assert not found.passed


@pytest.mark.parametrize("shape", [(3,), (3, 0), (2, 3, 4)])
def test_only_rows_of_scores_have_a_winner(shape):
    zeros = np.zeros(shape, np.float32)
    assert compare_output("y", zeros, zeros, EXACT, 1).top1_agreement is None


def test_every_output_of_either_model_is_compared_in_name_order():
    one = np.zeros((1, 2), np.float32)
    found = compare({"b": one, "a": one}, {"b": one, "c": one}, EXACT, 7)
    assert [(item.name, item.passed) for item in found] == [("a", False), ("b", True), ("c", False)]
    assert {item.batch for item in found} == {7}


FINITE = st.floats(-1e6, 1e6, width=32)


@given(arrays.arrays(np.float32, (4, 3), elements=FINITE))
def test_any_output_agrees_with_itself(output):
    found = compare_output("y", output, output.copy(), EXACT, 1)
    assert found.passed
    assert found.max_abs_error == 0.0


@given(
    arrays.arrays(np.float32, (4, 3), elements=st.floats(width=32)),
    arrays.arrays(np.float32, (4, 3), elements=st.floats(width=32)),
)
def test_comparing_never_raises_and_never_says_nan(want, got):
    found = compare_output("y", want, got, Tolerance(), 1)
    assert found.max_abs_error >= 0.0
    is_same = np.array_equal(want, got)
    assert found.agrees or not is_same


def test_batches_are_cut_in_order_and_joined_again():
    sizes = []

    def double(inputs):
        sizes.append(len(inputs["x"]))
        return {"y": inputs["x"] * 2}

    assert np.array_equal(in_batches(double, ROWS, 3)["y"], ROWS["x"] * 2)
    assert sizes == [3, 3, 1]


def test_no_rows_are_no_outputs():
    assert in_batches(dict, {"x": np.zeros((0, 2))}, 3) == {}


def test_a_proof_runs_the_source_once_and_the_graph_at_every_batch_size():
    calls = {"source": [], "graph": []}

    def run(who, inputs):
        calls[who].append(len(inputs["x"]))
        return {"y": inputs["x"] + 1}

    report = prove(
        lambda inputs: run("source", inputs), lambda inputs: run("graph", inputs),
        ROWS, EXACT, samples="seven rows",
    )  # fmt: skip
    assert report.passed
    assert calls == {"source": [7], "graph": [1] * 7 + [2, 2, 2, 1] + [7]}
    assert [(item.name, item.batch, item.rows) for item in report.outputs] == [
        ("y", batch, 7) for batch in BATCH_SIZES
    ]
    assert (report.samples, report.max_abs_error) == ("seven rows", 0.0)


def test_a_graph_that_is_only_right_for_one_row_fails():
    def broken(inputs):
        output = inputs["x"] + 1
        output[1:] = 0
        return {"y": output}

    report = prove(lambda inputs: {"y": inputs["x"] + 1}, broken, ROWS, EXACT, samples="")
    assert not report.passed
    assert [item.passed for item in report.outputs] == [True, False, False]


def test_a_proof_without_rows_or_outputs_is_none():
    nothing = {"x": np.zeros((0, 2), np.float32)}
    assert not prove(dict, dict, nothing, EXACT, samples="").passed
    report = ParityReport(EXACT, "", ())
    assert not report.passed
    assert report.max_abs_error == inf


def test_the_report_is_the_json_that_travels_with_the_version():
    report = prove(
        lambda _: {"y": ROWS["x"]}, lambda batch: {"y": batch["x"]}, ROWS, LOOSE, samples="s"
    )
    value = json.loads(json.dumps(report.to_json()))
    assert value["passed"] is True
    assert value["max_abs_error"] == 0.0
    assert value["tolerance"] == {"rtol": 0.0, "atol": 0.01}
    assert value["outputs"][0] == {
        "name": "y", "batch": 1, "rows": 7, "agrees": True,
        "max_abs_error": 0.0, "top1_agreement": 1.0,
    }  # fmt: skip
