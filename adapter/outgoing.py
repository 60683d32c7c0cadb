"""What of a picture may leave for another company: its pixels, and no more of them than help.

A photograph says where and when it was taken, by whose camera, and has a preview of what was
cut away.  None of that is sent.
"""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from model_store.contract import ImageContract
from model_store.images.composing import compose
from model_store.images.decoding import decode_image
from model_store.images.limits import ImageLimits

# Google's advice for its detections is 640 x 480; more costs time and changes little.
LONGEST_SIDE_PX = 1024
_QUALITY = 90
_PAGE = ImageContract(tensor="page", size=(LONGEST_SIDE_PX, LONGEST_SIDE_PX))


def to_outgoing(picture: bytes, limits: ImageLimits) -> bytes:
    """*picture* upright, on white, at most ``LONGEST_SIDE_PX`` long, as a JPEG that says nothing.

    Raises:
        BadImage: The bytes are no picture that can be read.
        ImageTooLarge: It is beyond *limits*.
    """
    page = compose(decode_image(picture, limits), _PAGE)
    page.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
    page.info.clear()  # Pillow writes what the file said of itself into the new one
    file = BytesIO()
    page.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
