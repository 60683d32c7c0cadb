"""The list of known differences, and what is said of answers that are not on it."""

from __future__ import annotations

import pytest

from tests.conformance.answers import grpc_answer
from tests.conformance.differences import Difference, Known, Rule, verdict
from tests.conformance.matrix import Result, page

KNOWN = Known(
    {"better": "It says more."},
    [Rule(r"\[id\] ", "", "better")],
    {"listed": Difference("500 no", "400 no, because", "better")},
)


@pytest.mark.parametrize(
    ("case", "triton", "easel", "words"),
    [
        ("new", "200 yes", "200 yes", ""),
        ("new", "[id] 200 yes", "200 yes", ""),
        ("new", "200 yes", "404 no", "not listed"),
        ("listed", "500 no", "400 no, because", ""),
        ("listed", "[id] 500 no", "400 no, because", ""),
        ("listed", "400 no, because", "400 no, because", "is gone"),
        ("listed", "500 no", "400 other", "another difference than listed"),
        ("listed", "500 other", "400 no, because", "another difference than listed"),
    ],
)
def test_two_answers_are_the_same_or_differ_as_listed_or_not(case, triton, easel, words):
    said = verdict(KNOWN, case, triton, easel)
    assert (said == "") if not words else (words in said)


def test_of_a_traceback_only_the_message_counts():
    assert grpc_answer(["INTERNAL", "it failed\nAt:\n /a/path(1)", []]) == "INTERNAL it failed"


def test_what_is_too_long_differs_by_its_end_too():
    long = "x" * 5000
    first, second = (grpc_answer(["INTERNAL", long + end, []]) for end in "ab")
    assert len(first) < 4000
    assert first != second


def test_the_page_shows_what_failed_and_leaves_out_what_a_client_does_not_have():
    text = page(
        [
            Result("one", "An API", "a call", ok=True, detail=""),
            Result("one", "An API", "a stream", ok=True, detail=""),
            Result("two", "An API", "a call", ok=False, detail="it broke"),
        ],
        ["one 1.0", "two 2.0"],
    )
    assert "| | one | two |" in text
    assert "| a call | yes | **no** |" in text
    assert "| a stream | yes |  |" in text
