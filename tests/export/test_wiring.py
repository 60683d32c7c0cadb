"""Which prelude a source's shape asks for."""

from __future__ import annotations

import pytest

from export.sources.source import Prelude
from export.wiring import layout_of, prelude_for, size_of
from model_store.contract import ImageContract
from model_store.errors import ExportRefused
from model_store.spec import TensorSpec

COLOUR, GREY = ImageContract("image", (4, 6)), ImageContract("image", (4, 6), "L", (255,))


def spec(*axes):
    return TensorSpec("x", "float32", (None, *axes))


def test_one_number_is_for_every_channel_and_the_shape_tells_the_order():
    assert prelude_for(COLOUR, spec(3, 4, 6), [0.5], [1, 2, 3]) == Prelude(
        "image", "x", (4, 6), (0.5, 0.5, 0.5), (1, 2, 3), is_channels_first=True
    )


@pytest.mark.parametrize(
    ("axes", "layout"),
    [
        ((224, 224, 3), "NHWC"),
        ((3, 224, 224), "NCHW"),
        ((None, None, 3), "NHWC"),
        ((3, None, None), "NCHW"),
        ((None, 8, 8), "NCHW"),
        ((8, 8, None), "NHWC"),
        ((784,), "NHWC"),
        ((28, 28), "NHWC"),
    ],
)
def test_the_channels_are_found_from_the_shape(axes, layout):
    assert layout_of(spec(*axes), "RGB") == layout


@pytest.mark.parametrize("axes", [(3, 3, 3), (None, None, None)])
def test_a_shape_that_does_not_tell_asks_for_the_layout(axes):
    with pytest.raises(ExportRefused, match="add --layout NHWC or --layout NCHW"):
        layout_of(spec(*axes), "RGB")
    assert prelude_for(COLOUR, spec(*axes), [1], [0], "NCHW").is_channels_first


def test_a_source_of_any_rank_takes_channels_last():
    assert layout_of(TensorSpec("x", "float32", None), "RGB") == "NHWC"


def test_too_many_numbers_are_refused():
    with pytest.raises(ExportRefused, match="--scale has 2 numbers for 3 channels"):
        prelude_for(COLOUR, spec(4, 6, 3), [1, 2], [0])
    with pytest.raises(ExportRefused, match="--offset has 3 numbers for 1 channel;"):
        prelude_for(GREY, spec(4, 6, 1), [1], [1, 2, 3])


def test_the_size_is_found_from_the_shape():
    assert size_of(spec(3, 4, 6), "NCHW") == (4, 6)
    assert size_of(spec(4, 6, 3), "NHWC") == (4, 6)
    assert size_of(spec(None, 6, 3), "NHWC") is None
    assert size_of(spec(24), "NHWC") is None
