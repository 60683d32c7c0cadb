"""Drawings drawn again and fitted: what the classifier learns from."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.recipes import doodles
from tests.model_store.pictures import three

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def bitmaps():
    """Light on black, touching the edge as the package's do; the last is a dot: ``[3, 28, 28]``."""
    threes = [255 - np.asarray(three(page=28, at=at, height=22, pen=2)) for at in ((0, 0), (9, 5))]
    dot = np.zeros((28, 28), np.uint8)
    dot[3, 3] = 255
    return np.stack([*threes, dot])


def test_a_page_is_dark_on_white_with_a_margin(bitmaps):
    page = np.asarray(doodles.as_page(bitmaps[0]))
    assert page.min() < 80
    edges = (page[0], page[-1], page[:, 0], page[:, -1])
    assert all((edge == 255).all() for edge in edges)


def test_drawing_again_is_repeatable_and_a_dot_that_thins_away_stays_as_it_was(bitmaps):
    one, again, other = (doodles.small_redrawn(bitmaps, seed) for seed in (1, 1, 2))
    assert one.shape == (3, 32, 32)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert (one < 200).any(axis=(1, 2)).all()


def test_the_small_page_is_what_pooling_makes_of_the_full_one(bitmaps):
    pages = [doodles.as_page(bitmap) for bitmap in bitmaps[:2]]
    full = doodles.full(pages)
    assert full.shape == (2, 224, 224, 3)
    side, pool = doodles.SIDE_PX, doodles.POOL
    pooled = full[..., 0].reshape(2, side, pool, side, pool).mean(axis=(2, 4))
    small = doodles.small_pages(bitmaps[:2], 0).astype(float)
    # Centring rounds to a pixel, which is seven times as wide on the small page.
    assert np.abs(pooled - small).mean() < 12
    assert np.corrcoef(pooled.ravel(), small.ravel())[0, 1] > 0.8


COPIES = """
import sys
import numpy as np
from export.recipes import doodles

np.save(sys.argv[2], doodles.copies(np.load(sys.argv[1]), 2, 5))
"""


def test_copies_are_the_drawing_as_it_is_and_then_again_and_again(bitmaps, tmp_path):
    np.save(tmp_path / "bitmaps.npy", bitmaps)
    # In a process of its own: it forks, and this one may have a framework's threads.
    subprocess.run(
        [sys.executable, "-c", COPIES, tmp_path / "bitmaps.npy", tmp_path / "copies.npy"],
        cwd=ROOT, check=True, timeout=100, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    copies = np.load(tmp_path / "copies.npy")
    assert copies.shape == (3, 3, 32, 32)
    assert np.array_equal(copies[0], doodles.small_pages(bitmaps, 0))
    assert not np.array_equal(copies[1], copies[2])


def test_batches_show_every_drawing_once_a_pass_with_its_class():
    pages = np.full((2, 6, 32, 32), 255, np.uint8)
    pages[:, np.arange(6), 16, 16] = 0
    classes = np.arange(6)
    shown = list(islice(doodles.batches(pages, classes, 3, 1), 4))
    assert {images.shape for images, _ in shown} == {(3, 32, 32, 3)}
    assert sorted(np.concatenate([wanted for _, wanted in shown[:2]])) == list(classes)
    for images, _ in shown:
        assert images.max() == 1.0
        assert (images.min(axis=(1, 2, 3)) < 0.7).all()


def test_batches_of_fewer_drawings_than_asked_for_are_all_of_them():
    pages = np.zeros((1, 2, 32, 32), np.uint8)
    images, wanted = next(doodles.batches(pages, np.arange(2), 128, 1))
    assert len(images) == 2
    assert sorted(wanted) == [0, 1]


def test_a_pen_has_one_colour_and_paper_stays_white():
    page = np.full((1, 4, 4), 255, np.uint8)
    page[0, 1, 1] = page[0, 2, 2] = 0
    coloured = doodles.coloured(np.repeat(page, 40, axis=0), np.random.default_rng(3))
    assert (coloured[:, 0, 0] == 1.0).all()
    assert np.array_equal(coloured[:, 1, 1], coloured[:, 2, 2])
    pens = coloured[:, 1, 1]
    assert (np.ptp(pens, axis=1) < 1e-6).any()
    assert (np.ptp(pens, axis=1) > 0.3).any()


def test_the_contract_is_teachable_machines_with_the_ink_in_the_middle():
    assert doodles.CONTRACT.shape == (224, 224, 3)
    assert doodles.CONTRACT.background == (255, 255, 255)
    corner = Image.new("L", (600, 600), 255)
    corner.paste(three(page=140, at=(10, 10), height=80, pen=6), (0, 0))
    middle = Image.new("L", (600, 600), 255)
    middle.paste(three(page=140, at=(10, 10), height=80, pen=6), (300, 240))
    one, other = doodles.full([corner, middle])
    assert np.array_equal(one, other)
