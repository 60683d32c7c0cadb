"""A decoded picture of any mode, shown on the contract's background in the contract's mode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from model_store.contract import ImageContract

# 16 bits to 8, rounded: 257 times a byte is the same brightness.
_TO_BYTE = ((np.arange(1 << 16) + 128) // 257).astype(np.uint8)
# So many points, far apart, tell that most photographs have colours.
_PROBE = (8, 8)


def compose(image: Image.Image, contract: ImageContract) -> Image.Image:
    """Show *image* on the contract's background, in the contract's mode.

    What is transparent shows the background before anything is resized: no colour that
    nobody sees gets into the pixels beside it.  A picture that is so already comes back as it
    is: the largest are not copied.
    """
    if image.mode.startswith("I"):
        image = _narrowed(image)
    if not image.has_transparency_data:
        return image if image.mode == contract.mode else image.convert(contract.mode)
    if image.mode == "La":  # Pillow knows the way from there only
        image = image.convert("LA")
    if image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA")
    alpha = image.getchannel("A")
    drawn = image.convert(contract.mode)
    if is_white(alpha):
        return drawn
    page = blank(contract, drawn.size)
    page.paste(drawn, mask=alpha)
    return page


def grey_of(image: Image.Image) -> Image.Image | None:
    """The one channel of a picture that has no colours, with its transparency; None of others."""
    if image.mode in ("1", "L", "LA", "I;16"):
        return image
    # A key of three numbers would have no meaning for one channel.
    if image.mode not in ("RGB", "RGBA") or "transparency" in image.info:
        return None
    if not _are_equal(image.resize(_PROBE, Image.Resampling.NEAREST).split()[:3]):
        return None
    bands = image.split()
    if not _are_equal(bands[:3]):
        return None
    if len(bands) == 3 or is_white(bands[3]):
        return bands[0]
    return Image.merge("LA", (bands[0], bands[3]))


def is_white(band: Image.Image) -> bool:
    """Whether every value of one channel is 255."""
    return ImageChops.invert(band).getbbox() is None


def _are_equal(bands: Sequence[Image.Image]) -> bool:
    return all(ImageChops.difference(bands[0], other).getbbox() is None for other in bands[1:])


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
