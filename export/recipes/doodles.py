"""Quick drawings as a child makes them: any pen, any place, any colour, through the contract.

The drawings come as small bitmaps with one pen.  Each is thinned and drawn again several
times, then fitted as the adapter will fit it, and shrunk to the size at which the network
looks at it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from export.recipes import strokes
from model_store.contract import ImageContract, InkCentring
from model_store.errors import EmptyDrawing
from model_store.images.composing import compose
from model_store.images.pixels import to_pixels

POOL = 7
SIDE_PX = 224 // POOL
CONTRACT = ImageContract(tensor="image", size=(224, 224), ink=InkCentring(box_px=28 * POOL))
# The same page at the network's own size, in grey: what pooling makes of it, for less.
SMALL = replace(
    CONTRACT, size=(SIDE_PX, SIDE_PX), mode="L", background=(255,), ink=InkCentring(box_px=28)
)
PEN = (0.012, 0.09)
_PAGE_PX, _MARGIN_PX, _PARTS = 144, 4, 48

UInt8 = NDArray[np.uint8]
Float = NDArray[np.float32]


def as_page(image: UInt8) -> Image.Image:
    """A bitmap, which touches its edges, dark on a white page with a margin: mode L."""
    page = np.pad(255 - image, _MARGIN_PX, constant_values=255)
    return Image.fromarray(page).resize((_PAGE_PX, _PAGE_PX), Image.Resampling.BICUBIC)


def as_redrawn(images: UInt8, seed: int) -> list[Image.Image]:
    """The drawings again with random pens and bends; one that thins to nothing as it was."""
    rng = np.random.default_rng(seed)
    pages = []
    for skeleton, image in zip(strokes.skeletons(images), images, strict=True):
        try:
            pages.append(strokes.redraw(skeleton, rng, pen=PEN))
        except EmptyDrawing:
            pages.append(as_page(image))
    return pages


def small_pages(images: UInt8, _seed: int) -> UInt8:
    """As they are: ``uint8[N, 32, 32]``, dark on white."""
    return np.stack([to_pixels(as_page(image), SMALL)[..., 0] for image in images])


def small_redrawn(images: UInt8, seed: int) -> UInt8:
    """Drawn again: ``uint8[N, 32, 32]``, dark on white."""
    return np.stack([to_pixels(page, SMALL)[..., 0] for page in as_redrawn(images, seed)])


def full(pages: list[Image.Image]) -> UInt8:
    """What the adapter will send: ``uint8[N, 224, 224, 3]``."""
    return np.stack([to_pixels(compose(page, CONTRACT), CONTRACT) for page in pages])


def copies(images: UInt8, redrawn: int, seed: int) -> UInt8:
    """Each drawing as it is and *redrawn* times again, on all cores: ``uint8[1 + redrawn, N, ...]``."""
    parts = np.array_split(images, min(_PARTS, len(images)))
    jobs: list[tuple[Callable[[UInt8, int], UInt8], UInt8, int]] = [
        (small_redrawn if copy else small_pages, part, seed + 1000 * copy + i)
        for copy in range(1 + redrawn)
        for i, part in enumerate(parts)
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        done = track(pool.map(_call, jobs), "drawing", len(jobs))
        return np.concatenate(list(done)).reshape(1 + redrawn, len(images), SIDE_PX, SIDE_PX)


def _call(job: tuple[Callable[[UInt8, int], UInt8], UInt8, int]) -> UInt8:
    function, images, seed = job
    return function(images, seed)


def batches(
    pages: UInt8, classes: NDArray[np.intp], size: int, seed: int
) -> Iterator[tuple[Float, NDArray[np.intp]]]:
    """Endless batches, mirrored, shifted and coloured at random.

    Args:
        pages: ``uint8[copies, N, side, side]``; each drawing is shown in one of its copies.
        classes: Of the N drawings.
        size: Drawings in a batch; all of them where there are fewer.
        seed: Of all that is random.

    Yields:
        ``float32[size, side, side, 3]`` in -1..1, and the classes.
    """
    rng = np.random.default_rng(seed)
    size = min(size, len(classes))
    while True:
        order = rng.permutation(len(classes))
        for start in range(0, len(order) - size + 1, size):
            chosen = order[start : start + size]
            picked = pages[rng.integers(0, len(pages), size), chosen]
            mirrored = rng.random(size) < 0.5
            picked[mirrored] = picked[mirrored, :, ::-1]
            shift = tuple(rng.integers(-2, 3, 2))
            yield coloured(np.roll(picked, shift, (1, 2)), rng), classes[chosen]


def coloured(pages: UInt8, rng: np.random.Generator) -> Float:
    """Dark pages drawn with a pen of one colour each: ``float32[N, side, side, 3]`` in -1..1."""
    ink = (255 - pages.astype(np.float32)) / 255.0
    grey = np.repeat(rng.uniform(0.6, 1.0, (len(pages), 1)), 3, axis=1)
    colour = np.where(rng.random((len(pages), 1)) < 0.6, grey, rng.uniform(0.15, 1.0, grey.shape))
    return 1.0 - 2.0 * ink[..., np.newaxis] * colour[:, np.newaxis, np.newaxis].astype(np.float32)
