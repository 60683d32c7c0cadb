"""A picture of any size becomes one of the contract's size."""

from __future__ import annotations

from PIL import Image, ImageOps

from model_store.contract import ImageContract
from model_store.images.composing import blank

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# Of a longer picture the ends are cut off before it is resized by its shorter side.
_MAX_ASPECT = 8


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
    page = blank(contract, (width, height))
    small = ImageOps.contain(picture, (width, height), resampling)
    page.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return page


def shown_by_cut(
    whole: tuple[int, int], contract: ImageContract, short_side_px: int
) -> tuple[float, float, float, float]:
    """Which box of a picture of *whole* width and height is cut out by its shorter side."""
    longest = _MAX_ASPECT * min(whole)
    kept = (min(whole[0], longest), min(whole[1], longest))
    left, top, _, _ = _middle(whole, kept)
    resized = tuple(int(short_side_px * side / min(kept)) for side in kept)
    box = _middle((resized[0], resized[1]), (contract.size[1], contract.size[0]))
    across, along = kept[0] / resized[0], kept[1] / resized[1]
    return (
        left + box[0] * across,
        top + box[1] * along,
        left + box[2] * across,
        top + box[3] * along,
    )


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
