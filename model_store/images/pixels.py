"""A decoded picture becomes what a model takes, as an input contract says."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_store.contract import ImageContract
from model_store.images.composing import compose, grey_of
from model_store.images.fitting import fit
from model_store.images.ink import Inked, find_ink, place_ink

UInt8 = NDArray[np.uint8]


def tensor_of(image: Image.Image, contract: ImageContract) -> UInt8:
    """The ``uint8[1, height, width, channels]`` of a picture that is upright, in any mode.

    Raises:
        EmptyDrawing: The contract wants ink and there is none.
    """
    narrow = _in_grey(contract)
    grey = grey_of(image) if narrow else None
    if narrow is None or grey is None:
        image = compose(image, contract)  # what was decoded is let go, where nobody else has it
        return to_pixels(image, contract)[np.newaxis]
    # Of a grey drawing on a grey page all channels are equal: one is computed.
    tensor = np.empty((1, *contract.shape), np.uint8)
    pixels = to_pixels(compose(grey, narrow), narrow)[..., 0]
    for channel in range(contract.shape[2]):
        tensor[0, :, :, channel] = pixels
    return tensor


@lru_cache(maxsize=256)
def _in_grey(contract: ImageContract) -> ImageContract | None:
    """What a contract in colours asks of grey pictures; None if it has none, or a coloured page."""
    if contract.mode != "RGB" or len(set(contract.background)) != 1:
        return None
    return replace(contract, mode="L", background=contract.background[:1])


def to_pixels(picture: Image.Image, contract: ImageContract, inked: Inked | None = None) -> UInt8:
    """Fit a composed picture: ``uint8[height, width, channels]``.

    Args:
        picture: In the contract's mode.
        contract: What the model takes.
        inked: Where the picture's ink is, if that was found already.

    Raises:
        EmptyDrawing: As in ``tensor_of``.
    """
    inked = inked or find_ink(picture, contract)
    fitted = fit(picture, contract) if inked is None else place_ink(inked, contract)
    pixels = np.asarray(fitted, np.uint8).reshape(contract.shape)
    return 255 - pixels if contract.invert else pixels
