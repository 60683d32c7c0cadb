"""How much a picture may cost, and what its file says of itself before it is decoded.

Each format's module reads the structure of a file, never its pixels, and leaves a file of
which nothing but the first picture remains: no texts, profiles and thumbnails that would be
unpacked for nothing, no further frames.  Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from model_store.errors import BadImage, ImageTooLarge

# A decoder's loop over parts of a file is Python's: so many take it ten milliseconds.
MAX_PARTS = 10_000
# As of JPEG and GIF.  To place a picture that is millions long and one wide takes many seconds.
MAX_SIDE_PX = 65_535


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is refused before it is decoded.

    Attributes:
        max_bytes: Length of the file.
        max_pixels: Width times height of the picture, and of each frame of an animation.
        max_frames: Of an animation, of which only the first is shown.
    """

    max_bytes: int = 10 * 1024 * 1024
    max_pixels: int = 16_000_000
    max_frames: int = 1000


@dataclass(frozen=True, slots=True)
class Still:
    """A file with one picture in it.

    Attributes:
        format: Pillow's name for it, out of ``FORMATS``.
        width: In pixels, as stored.
        height: In pixels, as stored.
        data: The file, without what is not needed for the pixels.
        orientation: EXIF's word on how to turn what is stored, 1 to 8.
        plain: Pillow's mode, where the pixels are stored as they are: a byte for each value, row
            after row, and no colour that means transparency.  Empty of all other files.
    """

    format: str
    width: int
    height: int
    data: bytes
    orientation: int = 1
    plain: str = ""


def check_bytes(data: bytes, limits: ImageLimits) -> None:
    """Raise ImageTooLarge for a file that is too long."""
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"the image has {len(data)} bytes; at most {limits.max_bytes} are accepted, "
            "send a smaller one"
        )


def check_size(width: int, height: int, limits: ImageLimits) -> None:
    """Raise BadImage for a picture without pixels, ImageTooLarge for one with too many."""
    if width * height == 0:
        raise BadImage("the image has no pixels; send another one")
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"the image is {width}x{height}; "
            f"at most {limits.max_pixels} pixels are accepted, send a smaller one"
        )
    if max(width, height) > MAX_SIDE_PX:
        raise ImageTooLarge(
            f"the image is {width}x{height}; no side may be longer than {MAX_SIDE_PX} pixels, "
            "send a smaller one"
        )


def check_frames(frames: int, limits: ImageLimits) -> None:
    """Raise ImageTooLarge for an animation of too many frames."""
    if frames > limits.max_frames:
        raise ImageTooLarge(
            f"the animation has more than {limits.max_frames} frames; send a still picture"
        )


def check_parts(parts: int, most: int = MAX_PARTS) -> None:
    """Raise BadImage for a file in more pieces than any program writes."""
    if parts > most:
        raise BadImage("the image is in too many pieces; save it again and send that")


def cut_short() -> BadImage:
    """The failure of a file that ends before its picture does."""
    return BadImage("the image is damaged or cut short; send it again")
