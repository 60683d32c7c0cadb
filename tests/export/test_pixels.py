"""Our pixels against the author's: equal where they must be, and how unequal where not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from export.graph.prelude import apply
from export.pixels import compare_pixels, reference_tensors, with_answers
from export.presets import PRESETS, contract_of
from export.references import Reference, made_reference, named_reference
from export.wiring import prelude_for
from model_store.errors import ExportRefused
from model_store.preprocess import to_tensor
from model_store.spec import TensorSpec
from tests.model_store.pictures import photo


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / name for name in ("tall.png", "wide.png", "small.png")]
    for path, size in zip(paths, [(70, 131), (300, 40), (30, 30)], strict=True):
        photo(*size).save(path)
    return paths


def wired(name, **changes):
    preset = PRESETS[name]
    contract = contract_of(preset, **changes)
    axes = (3, *contract.size) if name == "imagenet-torch" else contract.shape
    spec = TensorSpec("x", "float32", (None, *axes))
    return contract, prelude_for(contract, spec, preset.scale, preset.offset)


@pytest.mark.parametrize("name", ["teachable-machine", "imagenet-torch"])
def test_a_preset_makes_the_pixels_of_the_code_it_follows(name, pictures):
    contract, prelude = wired(name)
    found = compare_pixels(pictures, contract, prelude, named_reference(name, contract.size))
    assert found.is_equal
    assert found.samples == 3
    assert found.max_steps < 1e-3
    assert str(found) == f"the same pixels as {name} on 3 pictures"


def test_another_filter_is_told_with_its_size_and_the_worst_picture(pictures):
    contract, prelude = wired("teachable-machine", resize="nearest")
    reference = named_reference("teachable-machine", contract.size)
    found = compare_pixels(pictures, contract, prelude, reference)
    assert not found.is_equal
    assert 0 < found.share_differing <= 1
    assert 0 < found.mean_steps < found.max_steps <= 255
    assert found.worst_sample in {path.name for path in pictures}
    assert "of the values differ from teachable-machine" in str(found)


def test_a_scaling_that_is_not_the_authors_shows(pictures):
    contract, prelude = wired("teachable-machine")
    wrong = replace(prelude, scale=(1 / 255,) * 3, offset=(0.0,) * 3)
    reference = named_reference("teachable-machine", contract.size)
    assert compare_pixels(pictures, contract, wrong, reference).mean_steps > 50


def test_tensorflows_resize_without_antialiasing_is_not_ours(pictures):
    contract, prelude = wired("imagenet-tf", size=(16, 16))
    reference = named_reference("keras-image-utils", contract.size)
    assert not compare_pixels(pictures, contract, prelude, reference).is_equal


@pytest.mark.parametrize("is_channels_first", [False, True])
def test_arrays_may_be_pixels_or_the_sources_own_numbers_with_a_batch_axis_or_without(
    pictures, is_channels_first
):
    contract, prelude = wired("teachable-machine", size=(8, 9))
    prelude = replace(prelude, is_channels_first=is_channels_first)
    pixels = {path.name: to_tensor(path.read_bytes(), contract) for path in pictures}
    numbers = {name: apply(prelude, tensor) for name, tensor in pixels.items()}
    bare = {name: tensor[0] for name, tensor in numbers.items()}
    for tensors in (pixels, numbers, bare):
        reference = made_reference("mine", tensors)
        assert compare_pixels(pictures, contract, prelude, reference).is_equal
        given = reference_tensors(pictures, reference, prelude)
        assert np.allclose(given, np.concatenate(list(numbers.values())), atol=1e-6)


def test_grey_pictures_may_come_without_a_channel_axis(pictures):
    preset = PRESETS["mnist"]
    contract = replace(contract_of(preset), ink=None)
    spec = TensorSpec("x", "float32", (None, 28, 28))
    prelude = prelude_for(contract, spec, preset.scale, preset.offset)
    tensors = {path.name: to_tensor(path.read_bytes(), contract)[0, :, :, 0] for path in pictures}
    assert compare_pixels(pictures, contract, prelude, made_reference("mine", tensors)).is_equal


def test_a_reference_of_another_shape_is_refused(pictures):
    contract, prelude = wired("teachable-machine")
    reference = Reference("mine", lambda _: np.zeros((10, 10, 3)))
    with pytest.raises(ExportRefused, match=r"makes \[10, 10, 3\] of tall\.png"):
        compare_pixels(pictures, contract, prelude, reference)


def test_without_pictures_and_with_a_damaged_one_it_is_refused(tmp_path):
    contract, prelude = wired("teachable-machine")
    reference = named_reference("teachable-machine", contract.size)
    with pytest.raises(ExportRefused, match="add --samples FOLDER"):
        compare_pixels([], contract, prelude, reference)
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no picture")
    with pytest.raises(ExportRefused, match=r"--samples .*damaged\.png"):
        compare_pixels([damaged], contract, prelude, reference)


def test_the_answers_and_the_json_tell_what_it_does(pictures):
    contract, prelude = wired("teachable-machine", resize="nearest")
    reference = named_reference("teachable-machine", contract.size)
    found = with_answers(
        compare_pixels(pictures, contract, prelude, reference),
        np.float32([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]),
        np.float32([[0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]),
    )
    assert found.top1_agreement == pytest.approx(2 / 3)
    assert str(found).endswith("; the same answer for 66.7%")
    told = json.loads(json.dumps(found.to_json()))
    assert told["reference"] == "teachable-machine"
    assert told["is_equal"] is False
