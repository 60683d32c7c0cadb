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
from model_store.images import avif, bmp, gif, jpeg, png, webp
from model_store.images.exif import read_orientation
from model_store.images.limits import ImageLimits, Still, check_bytes, cut_short
from model_store.images.plain import decode_plain

Read = Callable[[bytes, ImageLimits], Still]

# By what a file of each format has at which place, and who reads it.
_READERS: Mapping[str, tuple[int, tuple[bytes, ...], Read]] = {
    "PNG": (0, png.MARKS, png.read_png),
    "JPEG": (0, jpeg.MARKS, jpeg.read_jpeg),
    "WEBP": (8, webp.MARKS, webp.read_webp),
    "GIF": (0, gif.MARKS, gif.read_gif),
    "BMP": (0, bmp.MARKS, bmp.read_bmp),
    "AVIF": (4, avif.MARKS, avif.read_avif),
}
# Two need libraries that a Pillow may have been built without.
FORMATS = tuple(
    name for name in _READERS if name not in ("WEBP", "AVIF") or features.check(name.lower())
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
    for name in FORMATS:
        at, marks, read = _READERS[name]
        if data.startswith(marks, at):
            return read(data, limits)
    raise BadImage(f"not an image; send one of {', '.join(FORMATS)}")


def decode_image(data: bytes, limits: ImageLimits) -> Image.Image:
    """Decode a picture upright; of an animation, the first frame.

    What is opaque and grey may come as mode L where the file has RGBA.

    Raises:
        BadImage: As ``read_still``, or the pixels are damaged.
        ImageTooLarge: As ``read_still``; nothing was decoded then.
    """
    still = read_still(data, limits)
    image = decode_plain(still)
    if image is None:
        image = _decode(still)
    # Pillow says in EXIF's words what an AVIF's own properties say, and nothing else is left there.
    stored = read_orientation(image.info.get("exif", b"")) if still.format == "AVIF" else 1
    turn = _TURNS.get(max(still.orientation, stored))
    return image if turn is None else image.transpose(turn)


def _decode(still: Still) -> Image.Image:
    """The picture of any file, by Pillow; raises as ``decode_image`` does."""
    try:
        image = Image.open(BytesIO(still.data), formats=(still.format,))
        if image.width * image.height > still.width * still.height:
            raise BadImage("the image contradicts itself; save it again and send that")
        image.load()
        # The decoders of WebP and AVIF hold the picture once or twice more.
        vars(image).pop("_decoder", None)
    except (BadImage, MemoryError):
        raise
    # Pillow's own guard, for limits that are set beyond it.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge("the image has too many pixels; send a smaller one") from error
    # Pillow's decoders raise whatever the client's bytes lead them to.
    except Exception as error:
        raise cut_short() from error
    return image
