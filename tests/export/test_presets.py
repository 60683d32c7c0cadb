"""Presets: each is the contract that its name promises, and flags replace single fields."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace

import numpy as np
import pytest

from export import presets
from export.presets import PRESETS, contract_of
from export.recipes.numbers import CONTRACT
from export.references import NAMED
from model_store.contract import CHANNELS, ImageContract, InkCentring
from model_store.errors import ExportRefused
from tests.support import ROOT


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_contract_with_a_scaling_for_each_channel(name):
    preset = PRESETS[name]
    contract = contract_of(preset)
    assert contract.tensor == "image"
    assert len(preset.scale) == len(preset.offset) == CHANNELS[contract.mode]
    assert not preset.reference or preset.reference in NAMED


def test_teachable_machine_crops_with_lanczos_and_scales_to_minus_one_and_one():
    preset = PRESETS["teachable-machine"]
    assert contract_of(preset) == ImageContract(
        "image", (224, 224), fit="crop", resize="lanczos", background=(255, 255, 255)
    )
    ends = np.array([[0.0], [255.0]]) * preset.scale + preset.offset
    assert np.allclose(ends, [[-1.0] * 3, [1.0] * 3])


def test_imagenet_torch_normalises_by_torchvisions_mean_and_deviation():
    preset = PRESETS["imagenet-torch"]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixel = 200.0
    got = pixel * np.array(preset.scale) + np.array(preset.offset)
    assert np.allclose(got, (pixel / 255 - mean) / deviation)
    assert contract_of(preset).short_side_px == 256


def test_mnist_is_what_the_bundled_digits_are_made_with():
    assert contract_of(PRESETS["mnist"]) == CONTRACT


def test_a_field_that_is_given_replaces_the_presets_own():
    contract = contract_of(
        PRESETS["imagenet-torch"], tensor="photo", resize="bicubic", invert=None, size=(299, 299)
    )
    want = ImageContract("photo", (299, 299), resize="bicubic", fit="crop", short_side_px=342)
    assert contract == want


def test_a_short_side_does_not_stay_behind_when_another_fit_is_given():
    preset = PRESETS["imagenet-torch"]
    assert contract_of(preset, fit="stretch").short_side_px is None
    inked = contract_of(preset, fit="contain", ink=InkCentring(20))
    assert inked.short_side_px is None
    assert contract_of(preset, short_side_px=224).short_side_px == 224


def test_another_mode_brings_its_own_background():
    assert contract_of(replace(PRESETS["mnist"], ink=None), mode="RGB").background == (255,) * 3


def test_what_no_picture_can_satisfy_is_refused():
    with pytest.raises(ExportRefused, match="short_side_px"):
        contract_of(PRESETS["imagenet-torch"], short_side_px=100)


def test_the_flag_offers_every_preset():
    parser = argparse.ArgumentParser()
    presets.add_flags(parser.add_argument_group("input contract"))
    flags = parser.parse_args(["--preset", "mnist", "--short-side", "256"])
    assert (flags.preset, flags.short_side) == ("mnist", 256)
    assert all(name in parser.format_help() for name in PRESETS)


def test_every_preset_and_every_named_reference_is_in_the_documentation():
    text = (ROOT / "docs" / "input-contract.md").read_text(encoding="utf-8")
    missing = [name for name in (*PRESETS, *NAMED) if f"`{name}`" not in text]
    assert missing == []


def test_every_key_of_the_contract_is_in_the_documentation():
    text = (ROOT / "docs" / "input-contract.md").read_text(encoding="utf-8")
    missing = [key.name for key in fields(ImageContract) if f"| `{key.name}` |" not in text]
    assert missing == []
