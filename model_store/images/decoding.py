"""Files become pictures: Pillow decodes what the format's module has left of a file.

Colour profiles are ignored, in every format: training reads the numbers that are stored, and
parity was proven on them.  JPEG is decoded in full: decoding it smaller at once, as Pillow
offers, gives other pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO

from PIL import Image, features

from model_store.errors import BadImage, ImageTooLarge
from model_store.images import bmp, gif, jpeg, png, webp
from model_store.images.limits import ImageLimits, Still, check_bytes, cut_short

Read = Callable[[bytes, ImageLimits], Still]

FORMATS = tuple(
    name
    for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP")
    if name != "WEBP" or features.check("webp")
)

_TURNS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_still(data: bytes, limits: ImageLimits) -> Still:
    """What a file says of its picture, by its signature; nothing is decoded.

    Raises:
        BadImage: The bytes are no picture in one of ``FORMATS``, or damaged.
        ImageTooLarge: It is beyond *limits*.
    """
    check_bytes(data, limits)
    read = _reader(data)
    if read is None:
        raise BadImage(f"not an image; send one of {', '.join(FORMATS)}")
    return read(data, limits)


def _reader(data: bytes) -> Read | None:
    if data.startswith(png.SIGNATURE):
        return png.read_png
    if data.startswith(jpeg.SIGNATURE):
        return jpeg.read_jpeg
    if data.startswith(webp.SIGNATURE) and data[8:12] == webp.KIND and "WEBP" in FORMATS:
        return webp.read_webp
    if data.startswith(gif.SIGNATURES):
        return gif.read_gif
    if data.startswith(bmp.SIGNATURE):
        return bmp.read_bmp
    return None


def decode_image(data: bytes, limits: ImageLimits) -> Image.Image:
    """Decode a picture upright; of an animation, the first frame.

    Raises:
        BadImage: As ``read_still``, or the pixels are damaged.
        ImageTooLarge: As ``read_still``; nothing was decoded then.
    """
    still = read_still(data, limits)
    try:
        image = Image.open(BytesIO(still.data), formats=(still.format,))
        if image.size != (still.width, still.height):
            raise BadImage("the image contradicts itself; save it again and send that")
        image.load()
    except (BadImage, MemoryError):
        raise
    # Pillow's own guard, for limits that are set beyond it.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge("the image has too many pixels; send a smaller one") from error
    # Pillow's decoders raise whatever the client's bytes lead them to.
    except Exception as error:
        raise cut_short() from error
    turn = _TURNS.get(still.orientation)
    return image if turn is None else image.transpose(turn)
