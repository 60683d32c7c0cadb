"""Text becomes text, numbers become readable, tensors become pictures."""

from __future__ import annotations

import io
from base64 import b64decode
from html import unescape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from export.parity.html import Html, element, joined
from export.parity.pictures import data_url
from export.parity.words import cosine, number, of_tolerance, percent


@given(st.text())
def test_text_is_escaped_where_it_enters_and_reads_as_it_was(text):
    written = element("p", text, title=text)
    title, _, inside = written.removeprefix('<p title="').removesuffix("</p>").partition('">')
    for part in (title, inside):
        assert not set('<>"') & set(part)
        assert unescape(part) == text


def test_what_is_html_already_is_not_escaped_again():
    inner = element("b", "1 < 2")
    assert element("p", inner, " & more") == "<p><b>1 &lt; 2</b> &amp; more</p>"
    assert joined(Html("<br>"), "<br>") == "<br>&lt;br&gt;"


def test_attributes_may_be_left_out_and_are_spelt_as_html_does():
    assert element("meta", http_equiv="a", class_='"', id=None) == (
        '<meta http-equiv="a" class="&quot;">'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (5.364e-7, "5.36 \N{MULTIPLICATION SIGN} 10⁻⁷"), (0.25, "0.25"),
        (1234.5, "1,234"), (2.5e9, "2.50 \N{MULTIPLICATION SIGN} 10⁹"), (float("inf"), "∞"),
        (float("-inf"), "-∞"), (float("nan"), "NaN"), (None, "\N{EN DASH}"), (-0.5, "-0.5"),
    ],
)  # fmt: skip
def test_numbers_read_well(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.99999, "99.99 %"), (0.5, "50 %"), (0.0, "0 %"), (1e-9, "< 0.01 %"),
     (None, "\N{EN DASH}")],
)  # fmt: skip
def test_shares_are_never_rounded_up_to_all_or_down_to_none(share, text):
    assert percent(share) == text


def test_cosines_near_one_tell_how_near():
    assert [cosine(value) for value in (1.0, 1 - 1e-7, 0.98765, None)] == [
        "1", "1 - 10⁻⁷", "0.9877", "\N{EN DASH}",
    ]  # fmt: skip


def test_a_difference_is_told_in_tolerances():
    assert of_tolerance(0.011) == ("1.1 %", "of the tolerance")
    assert of_tolerance(18.0) == ("18 \N{MULTIPLICATION SIGN}", "the tolerance")
    assert of_tolerance(float("inf")) == ("beyond", "any tolerance")


def opened(url):
    return Image.open(io.BytesIO(b64decode(url.removeprefix("data:image/png;base64,"))))


@pytest.mark.parametrize(
    ("shape", "mode"),
    [
        ((9, 7), "L"), ((9, 7, 1), "L"), ((9, 7, 3), "RGB"), ((9, 7, 4), "RGBA"),
        ((1, 9, 7), "L"), ((3, 9, 7), "RGB"),
    ],
)  # fmt: skip
def test_a_picture_is_shown_whatever_its_layout(shape, mode):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    picture = opened(data_url(pixels))
    assert (picture.size, picture.mode) == ((7, 9), mode)
    last = pixels if pixels.ndim == 2 or shape[-1] in (1, 3, 4) else np.moveaxis(pixels, 0, -1)
    assert np.array_equal(np.asarray(picture), last.reshape(np.asarray(picture).shape))


def test_numbers_that_are_no_bytes_are_spread_over_the_greys():
    ramp = np.linspace(-1, 3, 64, dtype=np.float32).reshape(8, 8)
    assert np.asarray(opened(data_url(ramp))).ravel()[[0, -1]].tolist() == [0, 255]
    ramp[0, 0] = np.nan
    assert data_url(ramp) is not None
    assert data_url(np.full((8, 8), np.nan)) is not None


def test_a_large_picture_is_made_smaller():
    assert max(opened(data_url(np.zeros((1000, 2000), np.uint8))).size) == 512


@pytest.mark.parametrize("shape", [(9,), (3, 3), (9, 7, 2), (2, 9, 7, 3), (), (2, 9, 7)], ids=str)
def test_other_tensors_are_no_pictures(shape):
    assert data_url(np.zeros(shape, np.float32)) is None
    assert data_url(np.zeros((9, 9), np.int64)) is None
