"""Running both models: which calls are made, and that nothing that goes wrong is hidden."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from export.parity import STANDARD, Draw, from_samples, prove_on, seeded, together
from export.parity.trials import Group, Trials, batch_sizes
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec

ROWS = {"x": np.arange(14, dtype=np.float32).reshape(7, 2)}
PAIRS = Signature(
    (TensorSpec("x", "float32", (None, 2)),), (TensorSpec("y", "float32", (None, 2)),)
)


def plus_one(inputs):
    return {"y": inputs["x"] + 1}


def recorded(predict):
    sizes = []

    def call(inputs):
        sizes.append(len(inputs["x"]))
        return predict(inputs)

    return call, sizes


def entries(proof):
    return [(item.name, item.batch, item.rows, item.passed) for item in proof.report.outputs]


def test_samples_are_proven_at_the_largest_batch_even_if_there_are_fewer():
    exported, ran = recorded(plus_one)
    proof = prove_on(plus_one, exported, from_samples(ROWS, PAIRS, "seven", max_batch=16))
    assert ran == [1] * 7 + [2, 2, 2, 1] + [7] + [16]
    assert entries(proof) == [("y", 1, 7, True), ("y", 2, 7, True), ("y", 7, 7, True), ("y", 16, 16, True)]  # fmt: skip
    assert proof.is_row_wise


def test_of_many_samples_small_batches_see_some_and_the_largest_sees_all():
    many = {"x": np.zeros((2000, 2), np.float32)}
    proof = prove_on(plus_one, plus_one, from_samples(many, PAIRS, "many"))
    assert [(item.batch, item.rows) for item in proof.report.outputs] == [
        (1, 64), (2, 128), (7, 448), (32, 2000),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("largest", "sizes"), [(32, (1, 2, 7, 32)), (7, (1, 2, 7)), (4, (1, 2, 4)), (1, (1,))]
)
def test_no_batch_is_larger_than_the_largest(largest, sizes):
    assert batch_sizes(largest) == sizes


def test_a_graph_that_is_only_right_for_one_row_fails_and_its_inputs_are_kept():
    def broken(inputs):
        output = inputs["x"] + 1
        output[1:] = 0
        return {"y": output}

    proof = prove_on(plus_one, broken, from_samples(ROWS, PAIRS, ""))
    assert not proof.report.passed
    assert [passed for *_, passed in entries(proof)] == [True, False, False, False]
    assert len(proof.evidence.failing["x"]) > 1
    assert prove_on(plus_one, plus_one, from_samples(ROWS, PAIRS, "")).evidence.failing is None


def test_a_graph_that_fails_at_a_batch_size_is_reported_and_the_others_are_compared():
    def baked(inputs):
        if len(inputs["x"]) != 1:
            raise RuntimeError("cannot reshape")
        return plus_one(inputs)

    proof = prove_on(plus_one, baked, from_samples(ROWS, PAIRS, ""))
    found = {item.batch: item.mismatch for item in proof.report.outputs}
    assert found == {1: "", **dict.fromkeys((2, 7, 32), "the exported model fails: cannot reshape")}
    assert not proof.report.passed


def test_every_output_of_either_model_is_compared_in_name_order():
    proof = prove_on(
        lambda inputs: {"b": inputs["x"], "a": inputs["x"]},
        lambda inputs: {"b": inputs["x"], "c": inputs["x"]},
        from_samples(ROWS, PAIRS, "", max_batch=1),
    )
    assert [(name, passed) for name, _, _, passed in entries(proof)] == [
        ("a", False), ("b", True), ("c", False),
    ]  # fmt: skip


def test_a_source_whose_rows_see_each_other_is_run_exactly_as_the_graph():
    def centred(inputs):
        return {"y": inputs["x"] - inputs["x"].mean(axis=0)}

    proof = prove_on(centred, centred, from_samples(ROWS, PAIRS, ""))
    assert proof.report.passed
    assert not proof.is_row_wise
    assert proof.report.notes == ("an answer of the source depends on the other rows of its batch",)
    assert not prove_on(centred, plus_one, from_samples(ROWS, PAIRS, "")).report.passed


def test_an_output_without_rows_is_compared_call_by_call():
    def total(inputs):
        return {"sum": inputs["x"].sum()}

    assert prove_on(total, total, from_samples(ROWS, PAIRS, "")).report.passed
    proof = prove_on(total, lambda _: {"sum": np.float32(1)}, from_samples(ROWS, PAIRS, ""))
    assert not proof.report.passed


def test_nan_of_the_source_is_told_and_nothing_but_nan_proves_nothing():
    def some(inputs):
        return {"y": np.where(inputs["x"] > 5, nan, inputs["x"])}

    def only(inputs):
        return {"y": inputs["x"] * nan}

    proof = prove_on(some, some, from_samples(ROWS, PAIRS, "", max_batch=7))
    assert proof.report.passed
    assert proof.report.notes == ("the source itself gives NaN in output y, 24 times",)
    assert not prove_on(only, only, from_samples(ROWS, PAIRS, "")).report.passed


def test_a_proof_without_outputs_is_none():
    assert not prove_on(lambda _: {}, lambda _: {}, from_samples(ROWS, PAIRS, "")).report.passed


FREE = Signature(
    (TensorSpec("ids", "int64", (None, None)), TensorSpec("mask", "bool", (None, None))),
    (TensorSpec("y", "float32", (None,)),),
)


def pooled(inputs):
    return {"y": np.float32((inputs["ids"] * inputs["mask"]).sum(axis=1))}


def test_free_axes_are_varied_together():
    proof = prove_on(pooled, pooled, seeded(FREE, Draw(max_batch=2)))
    assert proof.report.passed
    assert sorted({item.case for item in proof.report.outputs}) == [
        "ids[1]=1, mask[1]=1", "ids[1]=12, mask[1]=12", "ids[1]=5, mask[1]=5",
    ]  # fmt: skip
    assert (proof.report.seed, proof.report.notes) == (0, ())


def test_a_length_that_the_source_refuses_is_replaced_by_the_next_and_told():
    def short_only(inputs):
        if inputs["ids"].shape[1] > 8:
            raise ExportRefused("too long")
        return pooled(inputs)

    proof = prove_on(short_only, pooled, seeded(FREE, Draw(max_batch=2)))
    assert proof.report.passed
    lengths = {item.case.split("=")[-1] for item in proof.report.outputs}
    assert lengths == {"5", "1", "8"}
    assert proof.report.notes == ("the source refuses ids[1]=12, mask[1]=12: too long",)


def test_integers_that_the_source_refuses_are_tried_smaller():
    def three_rows(inputs):
        if inputs["ids"].max() > 1:
            raise ExportRefused("no such word")
        return pooled(inputs)

    assert prove_on(three_rows, pooled, seeded(FREE)).report.passed


def test_a_source_that_takes_nothing_that_was_drawn_asks_for_samples():
    def never(inputs):
        raise ExportRefused("never")

    with pytest.raises(ExportRefused, match=r"give --samples .*refuses ids\[1\]=5.*never"):
        prove_on(never, pooled, seeded(FREE))
    with pytest.raises(ExportRefused, match="^never$"):
        prove_on(never, plus_one, from_samples(ROWS, PAIRS, ""))


def test_samples_are_cut_and_repeated_where_axes_are_free():
    samples = {"ids": np.array([[3, 1, 2]]), "mask": np.ones((1, 3), bool)}
    seen = set()

    def source(inputs):
        seen.add((inputs["ids"].shape[1], *inputs["ids"][0]))
        return pooled(inputs)

    proof = prove_on(source, pooled, from_samples(samples, FREE, "one text"))
    assert proof.report.passed
    assert {(3, 3, 1, 2), (5, 3, 1, 2, 3, 1), (1, 3)} < seen


def test_a_model_without_a_batch_axis_is_called_whole_with_several_draws():
    signature = Signature((TensorSpec("x", "float32", (3, 2)),), ())
    seen = []

    def source(inputs):
        seen.append(inputs["x"].shape)
        return {"y": inputs["x"].sum()}

    proof = prove_on(source, source, seeded(signature))
    assert proof.report.passed
    assert [(item.case, item.batch, item.rows) for item in proof.report.outputs] == [
        (f"draw {number}", None, 1) for number in (1, 2, 3, 4)
    ]
    assert set(seen) == {(3, 2)}


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({}, "the samples are for nothing; the model takes x"),
        ({"z": ROWS["x"]}, "the samples are for z"),
        ({"x": ROWS["x"].astype("float64")}, r"are float64\[7, 2\], the model takes x: float32\[N, 2\]"),
        ({"x": ROWS["x"][:, :1]}, r"are float32\[7, 1\]"),
        ({"x": ROWS["x"][:0]}, "there are no samples"),
    ],
)  # fmt: skip
def test_samples_that_do_not_fit_are_refused(inputs, why):
    with pytest.raises(ExportRefused, match=why):
        from_samples(inputs, PAIRS, "")


def test_samples_with_unequal_rows_are_refused():
    inputs = {"ids": np.zeros((2, 3), np.int64), "mask": np.ones((1, 3), bool)}
    with pytest.raises(ExportRefused, match=r"\[1, 2\] rows"):
        from_samples(inputs, FREE, "")


def test_the_versions_of_both_sides_travel_with_the_report():
    trials = Trials("rows", (Group(ROWS, (7,)),))
    report = prove_on(plus_one, plus_one, trials, STANDARD, versions={"keras": "3"}).report
    assert report.versions["keras"] == "3"
    own = {"easel", "numpy", "onnxruntime", "pillow", "python", "machine"}
    assert own < report.versions.keys()


def test_several_forms_of_a_model_have_one_proof_that_fails_if_one_of_them_does():
    trials = from_samples(ROWS, PAIRS, "seven", max_batch=2)

    def off(inputs):
        return {"y": inputs["x"] + 2}

    good = prove_on(plus_one, plus_one, trials, versions={"onnx": "1"})
    bad = prove_on(plus_one, off, trials, versions={"tensorflow": "2"})
    both = together({"ONNX": good, "SavedModel": bad})
    assert [(item.case, item.passed) for item in both.report.outputs] == [
        ("", True), ("", True), ("SavedModel", False), ("SavedModel", False),
    ]  # fmt: skip
    assert not both.report.passed
    assert {"onnx", "tensorflow"} < both.report.versions.keys()
    assert both.evidence.rows[0].max_abs_error == 1.0
    assert both.evidence.failing is bad.evidence.failing
    assert together({"ONNX": good}) == good
