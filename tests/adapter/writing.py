"""Digits written side by side, out of what the bundled model was proven with."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from model_store.spec import ModelVersion
from model_store.store import Store
from tests.support import BUNDLED_STORE


@cache
def golden_digits() -> dict[str, Image.Image]:
    """One MNIST test digit of each kind that is there, light on black, cut to its ink."""
    folder = Store(BUNDLED_STORE).folder(ModelVersion("numbers", 1))
    with np.load(folder / "golden.npz") as golden:
        images, scores = golden["input:image"][..., 0], golden["output:scores"]
    found = {}
    for image, row in zip(images[::2], scores[::2], strict=True):
        picture = Image.fromarray(image).resize((140, 140), Image.Resampling.BICUBIC)
        found[str(row.argmax())] = picture.crop(picture.point(lambda v: 255 * (v > 40)).getbbox())
    return found


def write(*lines: str, gap: int = 24, margin: int = 30, line_px: int = 150) -> Image.Image:
    """Lines of digits, dark on white, mode L."""
    digits = golden_digits()
    widths = [sum(digits[d].width + gap for d in line) for line in lines]
    page = Image.new("L", (max(widths) + 2 * margin, line_px * len(lines) + 2 * margin), 0)
    for at, line in enumerate(lines):
        left = margin
        for digit in line:
            page.paste(digits[digit], (left, margin + at * line_px))
            left += digits[digit].width + gap
    return page.point(lambda value: 255 - value)
