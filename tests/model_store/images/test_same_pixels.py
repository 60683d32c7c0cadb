"""The tensors of many drawings are those on which parity was proven, byte for byte.

The digests were written by the code as it was when the bundled models were made; what came
after may only be faster.  All is lossless: no decoder's version may change a pixel.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model_store.contract import ImageContract, InkCentring
from model_store.errors import EmptyDrawing
from model_store.preprocess import to_tensor

DRAWINGS = 147
NUMBERS = ImageContract(
    "image", (28, 28), "L", (255,), fit="contain", invert=True, ink=InkCentring(20)
)
CLASSIFIER = ImageContract("image", (224, 224), fit="contain", ink=InkCentring(196))
PHOTOGRAPHS = ImageContract("image", (96, 80), fit="crop", resize="bicubic", short_side_px=100)
CONTRACTS = {
    "numbers": (NUMBERS, "ae5aaaffcb0548ab"),
    "classifier": (CLASSIFIER, "1a540c72cb1c0edf"),
    "fingers": (ImageContract("image", (224, 224), fit="contain"), "766d7a83d01675d8"),
    "photographs": (PHOTOGRAPHS, "983690c5516954ab"),
    "on black": (replace(CLASSIFIER, background=(0, 0, 0), resize="lanczos"), "37ac9f8f4c570c0b"),
    "on a colour": (
        replace(CLASSIFIER, background=(10, 200, 30), resize="box"),
        "207da5a9c3267177",
    ),
    "turned round": (
        ImageContract("image", (40, 31), invert=True, resize="nearest"),
        "9b9079431f575649",
    ),
}

MODES = ("RGBA", "RGB", "L", "LA", "1", "P", "16")


def drawing(number: int) -> bytes:
    """A few straight strokes, opaque or not, grey or coloured, on any page, in any mode."""
    rng = np.random.default_rng(number)
    height, width = (280, 280) if number % 3 == 0 else rng.integers(1, 300, 2)
    page = [(255, 255, 255, 255), (0, 0, 0, 0), rng.integers(0, 256, 4)][number % 5 % 3]
    pixels = np.broadcast_to(np.array(page, np.uint8), (height, width, 4)).copy()
    grey = number % 2 == 0
    y, x = np.mgrid[:height, :width]
    for _ in range(rng.integers(0, 5)):
        colour = np.repeat(rng.integers(0, 256), 3) if grey else rng.integers(0, 256, 3)
        alpha = 255 if number % 4 else rng.integers(0, 256)
        steep, offset, pen = rng.normal(), rng.integers(0, 280), rng.integers(1, 20)
        part = slice(*sorted(rng.integers(0, 300, 2)))
        near = np.abs(y - steep * x - offset) < pen
        near[:, : part.start] = near[:, part.stop :] = False
        pixels[near] = (*colour, alpha)
    return encoded(pixels, MODES[number % 7])


def encoded(pixels: np.ndarray, mode: str) -> bytes:
    if mode == "16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 251)
    else:
        image = Image.fromarray(pixels).convert(mode)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


@pytest.fixture(scope="module")
def drawings() -> list[bytes]:
    return [drawing(number) for number in range(DRAWINGS)]


@pytest.mark.parametrize("name", CONTRACTS)
def test_drawings_of_every_kind_give_the_tensors_they_gave(drawings, name):
    contract, want = CONTRACTS[name]
    told = hashlib.sha256()
    for data in drawings:
        try:
            told.update(to_tensor(data, contract).tobytes())
        except EmptyDrawing:
            told.update(b"empty")
    assert told.hexdigest()[:16] == want
