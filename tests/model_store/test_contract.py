"""The input contract: JSON and back, and what it refuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store import contract as contracts
from model_store.contract import CHANNELS, ImageContract, InkCentring
from model_store.errors import BadVersion
from tests.model_store.pictures import DIGIT

GOOD = contracts.to_json(DIGIT)


@st.composite
def contracts_of_any_kind(draw) -> ImageContract:
    size = (draw(st.integers(1, 4096)), draw(st.integers(1, 4096)))
    mode = draw(st.sampled_from(["L", "RGB"]))
    ink = st.builds(InkCentring, box_px=st.integers(1, min(size)), threshold=st.integers(0, 254))
    inked = draw(st.none() | ink)
    fit = draw(st.sampled_from(["stretch", "contain", "crop"]))
    short_sides = (
        st.integers(max(size), 2048)
        if fit == "crop" and inked is None and max(size) <= 2048
        else st.nothing()
    )
    return ImageContract(
        tensor=draw(st.text(min_size=1)),
        size=size,
        mode=mode,
        background=tuple(draw(st.integers(0, 255)) for _ in range(CHANNELS[mode])),
        resize=draw(st.sampled_from(["nearest", "box", "bilinear", "bicubic", "lanczos"])),
        fit=fit,
        invert=draw(st.booleans()),
        ink=inked,
        short_side_px=draw(st.none() | short_sides),
    )


@given(contracts_of_any_kind())
def test_a_contract_survives_json(contract):
    assert contracts.from_json(json.loads(json.dumps(contracts.to_json(contract)))) == contract


def test_the_documented_object_is_understood():
    found = contracts.from_json(
        {
            "kind": "image",
            "tensor": "image",
            "size": [224, 224],
            "mode": "RGB",
            "background": [255, 255, 255],
            "resize": "bilinear",
            "fit": "stretch",
            "invert": False,
            "layout": "NHWC",
        }
    )
    assert found == ImageContract(tensor="image", size=(224, 224))
    assert found.shape == (224, 224, 3)


def test_everything_but_tensor_and_size_has_a_default():
    found = contracts.from_json({"kind": "image", "tensor": "x", "size": [4, 5]})
    assert found == ImageContract(tensor="x", size=(4, 5))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"kind": "audio"}, "kind"),
        ({"kind": None}, "kind"),
        ({"scale": 1}, "unknown keys scale"),
        ({"tensor": ""}, "tensor"),
        ({"tensor": 5}, "tensor"),
        ({"size": [28]}, "size"),
        ({"size": [28, 0]}, "size"),
        ({"size": [28, 4097]}, "size"),
        ({"size": [28.0, 28.0]}, "size"),
        ({"size": [True, True]}, "size"),
        ({"size": ["28", "28"]}, "size"),
        ({"size": 28}, "size"),
        ({"size": None}, "size"),
        ({"mode": "CMYK"}, "mode must be one of L, RGB"),
        ({"mode": "RGB"}, "background"),
        ({"background": []}, "background"),
        ({"background": [256]}, "background"),
        ({"background": [-1]}, "background"),
        ({"background": [254.5]}, "background"),
        ({"background": "white"}, "background"),
        ({"resize": "antialias"}, "resize must be one of nearest"),
        ({"fit": "cover"}, "fit must be one of stretch, contain, crop"),
        ({"fit": ["crop"]}, "fit"),
        ({"layout": "NCHW"}, "layout must be one of NHWC"),
        ({"invert": "no"}, "invert"),
        ({"invert": 1}, "invert"),
        ({"short_side_px": 28}, 'goes with fit "crop" only'),
        ({"short_side_px": 28, "fit": "crop"}, 'goes with fit "crop" only'),
        ({"short_side_px": 27, "fit": "crop", "ink": None}, "short_side_px must be"),
        ({"short_side_px": 2049, "fit": "crop", "ink": None}, "short_side_px must be"),
        ({"short_side_px": 32.5, "fit": "crop", "ink": None}, "short_side_px must be"),
        ({"ink": {"box_px": 29}}, "box_px"),
        ({"ink": {"box_px": 0}}, "box_px"),
        ({"ink": {"box_px": 20.5}}, "box_px"),
        ({"ink": {}}, "box_px"),
        ({"ink": {"box_px": 20, "colour": 1}}, "colour"),
        ({"ink": {"box_px": 20, "threshold": 255}}, "threshold"),
        ({"ink": {"box_px": 20, "threshold": -1}}, "threshold"),
        ({"ink": 20}, "input contract"),
        ({"ink": []}, "input contract"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_a_value_that_no_picture_can_satisfy_is_refused_by_name(change, complaint):
    with pytest.raises(BadVersion, match=complaint):
        contracts.from_json(GOOD | change)


def test_a_contract_without_a_short_side_is_written_as_it_was_before_there_was_one():
    assert "short_side_px" not in GOOD
    crop = ImageContract("image", (224, 224), fit="crop", short_side_px=256)
    assert contracts.to_json(crop)["short_side_px"] == 256


@pytest.mark.parametrize("key", ["tensor", "size"])
def test_what_has_no_default_must_be_given(key):
    with pytest.raises(BadVersion, match=f"{key} must be given"):
        contracts.from_json({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize("value", [None, [], "image", 5, [["kind", "image"]]])
def test_what_is_no_json_object_is_refused(value):
    with pytest.raises(BadVersion, match="JSON object"):
        contracts.from_json(value)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(GOOD)), ANY_JSON)
def test_any_json_in_any_place_is_a_contract_or_refused(key, value):
    try:
        found = contracts.from_json(GOOD | {key: value})
    except BadVersion as error:
        assert str(error).startswith("input contract: ")
    else:
        assert contracts.from_json(contracts.to_json(found)) == found
