"""What counts as the same answer."""

from __future__ import annotations

import numpy as np
import pytest

from export.graph.agreement import accuracy, agreement, answers
from tests.export.graph.graphs import model, node, tensor

SCORES = np.float32([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])


def test_scores_agree_where_the_highest_class_is_the_same():
    other = np.float32([[0.6, 0.4], [0.1, 0.9], [0.4, 0.6], [0.4, 0.6]])
    assert agreement({"y": SCORES}, {"y": other}) == 0.75


@pytest.mark.parametrize(
    ("want", "got", "share"),
    [
        ([0, 100, 50, 10], [1, 99, 60, 10], 0.75),  # within 2 of a span of 100
        ([np.inf, 1, 2, 3], [np.inf, 1, 2, 3], 1.0),
        ([np.inf, 1, 2, 3], [5, 1, 2, 3], 0.75),
        ([np.nan, 1, 2, 3], [np.nan, 1, 2, 3], 1.0),
        ([1, 1, 2, 3], [np.nan, 1, 2, 3], 0.0),
        ([np.nan], [np.nan], 1.0),
        ([1, 2], [1, 2, 3], 0.0),
        ([], [], 0.0),
    ],
)
def test_other_numbers_agree_where_they_are_near(want, got, share):
    assert agreement({"y": np.float32(want)}, {"y": np.float32(got)}) == share


def test_whole_numbers_and_strings_are_compared_too():
    assert agreement({"y": np.array([1, 2])}, {"y": np.array([1, 5])}) == 0.5
    assert agreement({"y": np.array([b"a", b"b"])}, {"y": np.array([b"a", b"c"])}) == 0.5


def test_the_output_that_agrees_least_counts_and_a_missing_one_agrees_nowhere():
    want = {"y": SCORES, "z": np.float32([1, 2])}
    assert agreement(want, {"y": SCORES, "z": np.float32([1, 9])}) == 0.5
    assert agreement(want, {"y": SCORES}) == 0.0
    assert agreement({}, {}) == 0.0


def test_accuracy_is_of_the_scores_and_of_nothing_else():
    assert accuracy({"box": np.zeros(4), "y": SCORES}, np.array([0, 1, 1, 1])) == 0.75
    assert accuracy({"box": np.zeros((4, 1))}, np.array([0, 1, 1, 1])) is None


def test_all_rows_are_answered_a_few_at_a_time():
    graph = model([node("Neg", "x", "y")], [tensor("x", ["batch", 2])], [tensor("y", ["batch", 2])])
    rows = np.arange(70, dtype=np.float32).reshape(35, 2)
    assert np.array_equal(answers(graph, {"x": rows}, has_batch=True)["y"], -rows)
    assert np.array_equal(answers(graph, {"x": rows}, has_batch=False)["y"], -rows)
