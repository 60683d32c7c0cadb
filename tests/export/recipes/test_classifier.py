"""The recipe's parts, with a handful of drawings in place of the training."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.recipes import classifier, doodles, running
from export.recipes.quickdraw import Drawings
from tests.support import BUNDLED_STORE


@pytest.fixture(scope="session")
def drawings():
    """Bars at as many heights as there are classes, three of each: light on black."""
    images = np.zeros((len(classifier.CLASSES), 3, 28, 28), np.uint8)
    for which in range(len(classifier.CLASSES)):
        images[which, :, 2 : 4 + which, 3:9] = 255
        images[which, :, 24:27, 3:25] = 255
    return Drawings(classifier.CLASSES, images)


@pytest.fixture(scope="session")
def model():
    """Trained on nothing to speak of, to see that every part fits."""
    pages = np.random.default_rng(1).integers(0, 256, (2, 30, 2, 32, 32), np.uint8)
    return classifier.learn(pages, list(range(len(classifier.CLASSES))), (1, 1))


def test_there_are_at_least_twenty_things_and_each_is_there_once():
    assert len(set(classifier.CLASSES)) == len(classifier.CLASSES) >= 20


def test_the_model_is_nested_as_teachable_machines_and_takes_its_pixels(model):
    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, len(classifier.CLASSES))
    features, head = model.layers
    kinds = [type(layer).__name__ for layer in features.layers]
    assert "DepthwiseConv2D" in kinds
    assert [type(layer).__name__ for layer in head.layers] == ["Dropout", "Dense"]
    scores = model.predict(np.zeros((2, 224, 224, 3), np.float32), verbose=0)
    assert scores.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_accuracy_is_the_share_of_drawings_that_are_told(model, drawings):
    pages = doodles.full([doodles.as_page(image) for image in drawings.images[:, 0]])
    share = classifier.accuracy(model, pages)
    scores = model.predict(pages / np.float32(127.5) - 1, verbose=0)
    right = sum(int(row.argmax()) == which for which, row in enumerate(scores))
    assert share == pytest.approx(right / len(classifier.CLASSES))


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_what_is_saved_is_what_an_author_hands_over(model, tmp_path):
    import tf_keras

    pairs = np.random.default_rng(2).integers(0, 256, (100, 2, 224, 224, 3), np.uint8)
    classifier.save(model, pairs[:, :, :, :, :], tmp_path)
    lines = (tmp_path / "labels.txt").read_text().splitlines()
    assert lines[:2] == ["0 apple", "1 bicycle"]
    with np.load(tmp_path / "samples.npz") as samples:
        assert samples["image"].shape == (100, 224, 224, 3)
    again = tf_keras.models.load_model(tmp_path / "keras_model.h5", compile=False)
    pixels = pairs[0].astype(np.float32) / 127.5 - 1
    assert np.array_equal(again.predict(pixels, verbose=0), model.predict(pixels, verbose=0))


@pytest.fixture(scope="session")
def bundled():
    """The version in this repository's own store."""
    return running.newest(BUNDLED_STORE, "classifier")


def test_the_bundled_version_was_made_from_the_bundled_file(bundled):
    source = Path(classifier.__file__).parent / "teachable_machine" / "keras_model.h5"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert bundled.manifest.source["sha256"] == digest
    lines = (source.parent / "labels.txt").read_text().splitlines()
    assert lines == [f"{number} {name}" for number, name in enumerate(classifier.CLASSES)]


def told(version, pages) -> np.ndarray:
    """Which of 48 drawings, two of each thing, get the label they should."""
    best = version(doodles.full(pages))["scores"].argmax(axis=1)
    return best == np.repeat(np.arange(len(classifier.CLASSES)), 2)


def test_the_bundled_version_knows_nine_in_ten_held_out_drawings(bundled):
    with np.load(Path(__file__).parent / "held_out.npz") as drawings:
        images = drawings["images"].reshape(-1, 28, 28)
    assert told(bundled, [doodles.as_page(image) for image in images]).mean() >= 0.9
    redrawn = told(bundled, doodles.as_redrawn(images, seed=3))
    assert redrawn.mean() >= 0.85


def test_colour_size_and_place_of_a_drawing_do_not_matter_to_the_bundled_version(bundled):
    with np.load(Path(__file__).parent / "held_out.npz") as drawings:
        images = drawings["images"].reshape(-1, 28, 28)
    pages = []
    for number, image in enumerate(images):
        mask = doodles.as_page(image).point(lambda value: 255 - value)
        page = Image.new("RGB", (600, 500), "white")
        ink = [(200, 30, 30), (20, 60, 190), (10, 110, 40)][number % 3]
        page.paste(Image.new("RGB", mask.size, ink), (number * 9, number * 7), mask)
        pages.append(page)
    assert told(bundled, pages).mean() >= 0.85
