"""A decoded picture of any mode, shown on the contract's background in the contract's mode."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_store.contract import ImageContract

# 16 bits to 8, rounded: 257 times a byte is the same brightness.
_TO_BYTE = ((np.arange(1 << 16) + 128) // 257).astype(np.uint8)


def compose(image: Image.Image, contract: ImageContract) -> Image.Image:
    """Show *image* on the contract's background, in the contract's mode.

    What is transparent shows the background before anything is resized: no colour that
    nobody sees gets into the pixels beside it.
    """
    if image.mode.startswith("I"):
        image = _narrowed(image)
    if not image.has_transparency_data:
        return image.convert(contract.mode)
    if image.mode == "La":  # Pillow knows the way from there only
        image = image.convert("LA")
    drawn = image if image.mode == "RGBA" else image.convert("RGBA")
    page = blank(contract, drawn.size)
    page.paste(drawn.convert(contract.mode), mask=drawn)  # of a mask, Pillow takes the alpha
    return page


def blank(contract: ImageContract, size: tuple[int, int]) -> Image.Image:
    """An empty page."""
    colour = contract.background[0] if contract.mode == "L" else contract.background
    return Image.new(contract.mode, size, colour)


def _narrowed(image: Image.Image) -> Image.Image:
    """Grey of 16 bits in 8; Pillow would clip and not scale it, and forget what is transparent."""
    wide: NDArray[np.integer] = np.asarray(image)
    if image.mode == "I":
        wide = wide.clip(0, 65535)
    grey = Image.fromarray(_TO_BYTE[wide])
    key = image.info.get("transparency")
    if key is not None:
        grey.putalpha(Image.fromarray((wide != key).astype(np.uint8) * 255))
    return grey
