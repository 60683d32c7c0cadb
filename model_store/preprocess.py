"""An encoded picture becomes the tensor that an input contract asks for.

The adapter calls this for each request and ``export`` calls it for parity, so the two
cannot drift apart.  This module, ``hand`` and ``images`` are the ones of this package that need
numpy and Pillow; the model server never imports them.
"""

from __future__ import annotations

from model_store.contract import ImageContract
from model_store.images.decoding import decode_image
from model_store.images.limits import ImageLimits
from model_store.images.pixels import UInt8, tensor_of


def to_tensor(data: bytes, contract: ImageContract, limits: ImageLimits | None = None) -> UInt8:
    """Decode one picture into ``uint8[1, height, width, channels]``.

    Raises:
        BadImage: The bytes are no picture in one of ``decoding.FORMATS``, or it is cut short.
        ImageTooLarge: It has more pixels than *limits* allow.
        EmptyDrawing: The contract wants ink and there is none.
    """
    return tensor_of(decode_image(data, limits or ImageLimits()), contract)
