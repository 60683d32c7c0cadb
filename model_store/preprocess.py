"""An encoded picture becomes the tensor that an input contract asks for.

The adapter calls this for each request and ``export`` calls it for parity, so the two
cannot drift apart.  The only module of this package that needs numpy and Pillow; the
model server never imports it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps, UnidentifiedImageError

from model_store.contract import ImageContract, InkCentring
from model_store.errors import BadImage, EmptyDrawing, ImageTooLarge

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# Of a longer picture the ends are cut off before it is resized by its shorter side.
_MAX_ASPECT = 8

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is refused before it is decoded."""

    max_pixels: int = 16_000_000


def to_tensor(data: bytes, contract: ImageContract, limits: ImageLimits | None = None) -> UInt8:
    """Decode one picture into ``uint8[1, height, width, channels]``.

    Raises:
        BadImage: The bytes are no picture in one of ``FORMATS``, or it is cut short.
        ImageTooLarge: It has more pixels than *limits* allow.
        EmptyDrawing: The contract wants ink and there is none.
    """
    picture = compose(decode_image(data, limits or ImageLimits()), contract)
    return to_pixels(picture, contract)[np.newaxis]


def to_pixels(picture: Image.Image, contract: ImageContract) -> UInt8:
    """Fit a composed picture: ``uint8[height, width, channels]``.

    Raises:
        EmptyDrawing: As in ``to_tensor``.
    """
    fitted = place_ink(picture, contract, contract.ink) if contract.ink else fit(picture, contract)
    pixels = np.asarray(fitted, np.uint8).reshape(contract.shape)
    return 255 - pixels if contract.invert else pixels


def decode_image(data: bytes, limits: ImageLimits) -> Image.Image:
    """Decode a picture upright; of an animation, the first frame.

    Raises:
        BadImage: As in ``to_tensor``.
        ImageTooLarge: As in ``to_tensor``; nothing was decoded then.
    """
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
        if image.width * image.height > limits.max_pixels:
            raise ImageTooLarge(
                f"the image is {image.width}x{image.height}; "
                f"at most {limits.max_pixels} pixels are accepted, send a smaller one"
            )
        image.load()
    except UnidentifiedImageError as error:
        raise BadImage(f"not an image; send one of {', '.join(FORMATS)}") from error
    # Pillow's own guard: far beyond ours an error, before that a warning if those raise.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge("the image has too many pixels; send a smaller one") from error
    except ImageTooLarge:
        raise
    # Pillow's decoders raise these, and struct.error, for damaged files.
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, ArithmeticError) as error:
        raise BadImage("the image is damaged or cut short; send it again") from error
    except Exception as error:  # e.g. struct.error, zlib.error: still the client's bytes
        raise BadImage("the image cannot be decoded; save it as PNG and send it again") from error
    # A picture with damaged EXIF data is still a picture; it only does not say what is up.
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
    return image


def compose(image: Image.Image, contract: ImageContract) -> Image.Image:
    """Show *image* on the contract's background, in the contract's mode."""
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip, not scale
        wide = np.asarray(image, np.float32)
        image = Image.fromarray((wide / 257.0).round().clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert(contract.mode)
    drawn = image if image.mode == "RGBA" else image.convert("RGBA")
    page = _blank(contract, drawn.size)
    page.paste(drawn.convert(contract.mode), mask=drawn)  # of a mask, Pillow takes the alpha
    return page


def fit(picture: Image.Image, contract: ImageContract) -> Image.Image:
    """Resize *picture* to the contract's size by its ``fit``."""
    height, width = contract.size
    resampling = FILTERS[contract.resize]
    if contract.fit == "stretch":
        return picture.resize((width, height), resampling)
    if contract.short_side_px is not None:
        return _cut_from(picture, contract, contract.short_side_px)
    if contract.fit == "crop":
        return ImageOps.fit(picture, (width, height), resampling)
    page = _blank(contract, (width, height))
    small = ImageOps.contain(picture, (width, height), resampling)
    page.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return page


def _cut_from(picture: Image.Image, contract: ImageContract, short_side_px: int) -> Image.Image:
    """Resize by the shorter side, then cut out the middle; rounded as torchvision rounds."""
    longest = _MAX_ASPECT * min(picture.size)
    if max(picture.size) > longest:  # a line of pixels would become a picture of gigabytes
        cut = (min(picture.width, longest), min(picture.height, longest))
        picture = picture.crop(_middle(picture.size, cut))
    short = min(picture.size)
    width, height = (int(short_side_px * side / short) for side in picture.size)
    resized = picture.resize((width, height), FILTERS[contract.resize])
    return resized.crop(_middle(resized.size, (contract.size[1], contract.size[0])))


def _middle(whole: tuple[int, int], cut: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box of *cut* in the middle of *whole*; both are width and height."""
    left, top = (round((outer - inner) / 2) for outer, inner in zip(whole, cut, strict=True))
    return left, top, left + cut[0], top + cut[1]


def place_ink(picture: Image.Image, contract: ImageContract, ink: InkCentring) -> Image.Image:
    """Cut to the ink, scale it to the box, centre it by mass on a blank page.

    Light ink on a dark page is turned round first: the page is what its border shows.

    Raises:
        EmptyDrawing: No pixel differs from the page by more than the threshold.
    """
    distance = _distance(picture, contract)
    if _border_median(distance) > 127:
        picture = ImageOps.invert(picture)
        distance = _distance(picture, contract)
    box = distance.point([255 * (value > ink.threshold) for value in range(256)]).getbbox()
    if box is None:
        raise EmptyDrawing("the drawing is empty; draw something and send it again")
    cut = picture.crop(box)
    scale = ink.box_px / max(cut.size)
    small = cut.resize(
        (max(1, round(cut.width * scale)), max(1, round(cut.height * scale))),
        FILTERS[contract.resize],
    )
    height, width = contract.size
    mass_x, mass_y = _centre_of_mass(np.asarray(_distance(small, contract)))
    left = min(max(round(width / 2 - mass_x), 0), width - small.width)
    top = min(max(round(height / 2 - mass_y), 0), height - small.height)
    page = _blank(contract, (width, height))
    page.paste(small, (left, top))
    return page


def _blank(contract: ImageContract, size: tuple[int, int]) -> Image.Image:
    colour = contract.background[0] if contract.mode == "L" else contract.background
    return Image.new(contract.mode, size, colour)


def _distance(picture: Image.Image, contract: ImageContract) -> Image.Image:
    """How far each pixel is from the background, of its channels the farthest: mode L."""
    bands = ImageChops.difference(picture, _blank(contract, picture.size)).split()
    return reduce(ImageChops.lighter, bands)


def _border_median(distance: Image.Image) -> float:
    pixels = np.asarray(distance)
    edges = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    return float(np.median(np.concatenate(edges)))


def _centre_of_mass(weights: UInt8) -> tuple[float, float]:
    """Where the mean ink is: x and y in pixels from the left and top edges."""
    columns, rows = weights.sum(axis=0, dtype=np.float64), weights.sum(axis=1, dtype=np.float64)
    total = float(columns.sum())
    if total == 0.0:  # ink thinner than the filter can show: the middle is the best guess
        return weights.shape[1] / 2, weights.shape[0] / 2
    x = float(columns @ (np.arange(columns.size) + 0.5)) / total
    y = float(rows @ (np.arange(rows.size) + 0.5)) / total
    return x, y
