"""Scaling: the numbers an author writes, and what they do to pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.scaling import Scaling, parse_number, parse_numbers
from model_store.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("1/255", 1 / 255), ("1/127.5", 1 / 127.5), ("0.5", 0.5), ("-1", -1.0), ("1e-3", 0.001),
        ("+2", 2.0), (" 3 ", 3.0), ("0", 0.0), (".5", 0.5), ("1_000", 1000.0),
    ],
)  # fmt: skip
def test_numbers_and_fractions_are_read(text, want):
    assert parse_number(text) == want


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one",
        "1/0",
        "1//2",
        "nan",
        "inf",
        "1/inf",
        "1e308/1e-308",
        "1e999999999",
        "1/255/2",
        "0x10",
        "1,5",
        "1e400",
        "-",
        "1/",
    ],
)
def test_what_is_no_number_is_refused_with_examples(text):
    with pytest.raises(InvalidRequest, match="is not a number like 0.5, -1 or 1/255"):
        parse_number(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_prints_is_read(number):
    assert parse_number(repr(number)) == number


def test_pixels_become_the_numbers_of_the_training_script():
    pixels = np.array([0, 1, 128, 255], np.uint8)
    assert np.array_equal(Scaling((1 / 255,)).apply(pixels), pixels.astype("float32") / 255)
    signed = Scaling(parse_numbers("1/127.5"), (-1.0,)).apply(pixels)
    assert signed.dtype == np.float32
    assert np.allclose(signed, pixels / 127.5 - 1, atol=1e-6)
    assert np.array_equal(Scaling().apply(pixels), pixels.astype(np.float32))


def test_each_channel_can_have_numbers_of_its_own():
    scaling = Scaling(parse_numbers("1/58.395,1/57.12, 1/57.375"), (-2.0,))
    pixels = np.full((1, 2, 2, 3), 255, np.uint8)
    want = pixels / np.array([58.395, 57.12, 57.375]) - 2
    assert np.allclose(scaling.apply(pixels), want, atol=1e-6)


def test_scaling_reads_as_a_formula():
    assert str(Scaling((0.5,), (-1.0,))) == "0.5 * pixel + -1.0"
    assert str(Scaling((0.5, 1.0), (0.0,))) == "[0.5, 1.0] * pixel + 0.0"
