"""An encoded picture becomes the tensor that an input contract asks for.

The adapter calls this for each request and ``export`` calls it for parity, so the two
cannot drift apart.  This module, ``hand`` and ``images`` are the ones of this package that need
numpy and Pillow; the model server never imports them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model_store.contract import ImageContract
from model_store.images.composing import compose, grey_of
from model_store.images.decoding import FORMATS, decode_image
from model_store.images.fitting import FILTERS, fit
from model_store.images.ink import place_ink
from model_store.images.limits import ImageLimits

__all__ = [
    "FILTERS", "FORMATS", "ImageLimits", "UInt8", "compose", "decode_image", "to_pixels",
    "to_tensor",
]  # fmt: skip

UInt8 = NDArray[np.uint8]


def to_tensor(data: bytes, contract: ImageContract, limits: ImageLimits | None = None) -> UInt8:
    """Decode one picture into ``uint8[1, height, width, channels]``.

    Raises:
        BadImage: The bytes are no picture in one of ``FORMATS``, or it is cut short.
        ImageTooLarge: It has more pixels than *limits* allow.
        EmptyDrawing: The contract wants ink and there is none.
    """
    image = decode_image(data, limits or ImageLimits())
    narrow = _in_grey(contract)
    grey = grey_of(image) if narrow else None
    if narrow is None or grey is None:
        image = compose(image, contract)  # the decoded one is let go
        return to_pixels(image, contract)[np.newaxis]
    image = compose(grey, narrow)
    # Of a grey drawing on a grey page all channels are equal: one is computed.
    tensor = np.empty((1, *contract.shape), np.uint8)
    pixels = to_pixels(image, narrow)[..., 0]
    for channel in range(contract.shape[2]):
        tensor[0, :, :, channel] = pixels
    return tensor


@lru_cache(maxsize=256)
def _in_grey(contract: ImageContract) -> ImageContract | None:
    """What a contract in colours asks of grey pictures; None if it has none, or a coloured page."""
    if contract.mode != "RGB" or len(set(contract.background)) != 1:
        return None
    return replace(contract, mode="L", background=contract.background[:1])


def to_pixels(picture: Image.Image, contract: ImageContract) -> UInt8:
    """Fit a composed picture: ``uint8[height, width, channels]``.

    Raises:
        EmptyDrawing: As in ``to_tensor``.
    """
    fitted = place_ink(picture, contract, contract.ink) if contract.ink else fit(picture, contract)
    pixels = np.asarray(fitted, np.uint8).reshape(contract.shape)
    return 255 - pixels if contract.invert else pixels
