"""The input contract: what picture a model wants, said as data.

``export`` writes it into the manifest and trains or proves against it, the adapter
obeys it; ``model_store.preprocess`` is the one reading of it.  Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from model_store.errors import BadVersion

Mode = Literal["L", "RGB"]
Fit = Literal["stretch", "contain", "crop"]
Resize = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]

CHANNELS: Mapping[Mode, int] = {"L": 1, "RGB": 3}


@dataclass(frozen=True, slots=True)
class InkCentring:
    """Cut a drawing to its ink, scale that to a box, put its centre of mass in the middle.

    This is how MNIST's digits were made (LeCun, Cortes and Burges, "The MNIST database":
    a 20x20 box, centred by mass in 28x28), so a digit drawn small in a corner looks like
    one that fills the page.

    Attributes:
        box_px: Length of the ink's longer side after scaling.
        threshold: An 8-bit distance from the background above which a pixel is ink.
    """

    box_px: int
    threshold: int = 40


@dataclass(frozen=True, slots=True)
class ImageContract:
    """What the adapter must send for one image.

    The wire tensor is ``uint8[N, height, width, channels]``; scaling and normalising are
    inside the exported graph.

    Attributes:
        tensor: Name of the graph's input.
        size: Height and width in pixels.
        mode: Pillow's name for the channels.
        background: One 8-bit value a channel; transparent pixels show it, padding is it.
        resize: Pillow's resampling filter, always with antialiasing when it shrinks.
        fit: How a picture of another aspect ratio is made to fit.
        short_side_px: With ``fit`` ``crop``: the picture is resized until its shorter side is
            this long, then the middle is cut out, as torchvision's Resize and CenterCrop do.
            None resizes no further than the cut needs.
        invert: Whether ``255 - pixel`` is sent, as for light ink on black.
        ink: Centre the ink; ``fit`` is then ``contain``.
        layout: Order of the axes on the wire; a graph that wants channels first turns them.
    """

    tensor: str
    size: tuple[int, int]
    mode: Mode = "RGB"
    background: tuple[int, ...] = (255, 255, 255)
    resize: Resize = "bilinear"
    fit: Fit = "stretch"
    invert: bool = False
    ink: InkCentring | None = None
    layout: Literal["NHWC"] = "NHWC"
    short_side_px: int | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Axis lengths of one image: height, width, channels."""
        return (*self.size, CHANNELS[self.mode])

    def __post_init__(self) -> None:
        """Raise BadVersion for values that no picture can satisfy."""
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise BadVersion(f"input contract: {name} must be one of {', '.join(allowed)}")
        if not isinstance(self.tensor, str) or not self.tensor:
            raise BadVersion("input contract: tensor must be the name of the graph's input")
        if not isinstance(self.invert, bool):
            raise BadVersion("input contract: invert must be true or false")
        if not _are_whole(self.size, 2, range(1, 4097)):
            raise BadVersion("input contract: size must be two whole numbers from 1 to 4096")
        channels = CHANNELS[self.mode]
        if not _are_whole(self.background, channels, range(256)):
            raise BadVersion(
                f"input contract: background must be {channels} whole numbers from 0 to 255, "
                f"one for each channel of mode {self.mode}"
            )
        self._check_short_side()
        if self.ink is None:
            return
        if not _are_whole((self.ink.box_px,), 1, range(1, min(self.size) + 1)):
            raise BadVersion("input contract: ink.box_px must fit into size")
        if not _are_whole((self.ink.threshold,), 1, range(255)):
            raise BadVersion("input contract: ink.threshold must be a whole number from 0 to 254")

    def _check_short_side(self) -> None:
        if self.short_side_px is None:
            return
        if self.fit != "crop" or self.ink is not None:
            raise BadVersion('input contract: short_side_px goes with fit "crop" only')
        if not _are_whole((self.short_side_px,), 1, range(max(self.size), 2049)):
            raise BadVersion(
                "input contract: short_side_px must be a whole number from the longer side of "
                "size to 2048"
            )


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "mode": get_args(Mode),
    "fit": get_args(Fit),
    "resize": get_args(Resize),
    "layout": ("NHWC",),
}


def _are_whole(values: Any, count: int, allowed: range) -> bool:
    """Whether *values* are *count* integers out of *allowed*; they may come from JSON."""
    return (
        isinstance(values, tuple)
        and len(values) == count
        and all(type(value) is int and value in allowed for value in values)
    )


def to_json(contract: ImageContract) -> dict[str, Any]:
    """The manifest's ``input_contract`` object."""
    value = {"kind": "image", **asdict(contract)}
    if contract.short_side_px is None:  # an adapter from before it was thought of reads the rest
        del value["short_side_px"]
    return value


def from_json(value: Mapping[str, Any]) -> ImageContract:
    """Read ``input_contract``; unknown keys are refused, they would be ignored promises.

    Raises:
        BadVersion: It is not an image contract, or a value cannot be.
    """
    if not isinstance(value, Mapping):
        raise BadVersion("input contract: it must be a JSON object")
    rest = dict(value)
    if rest.pop("kind", None) != "image":
        raise BadVersion('input contract: kind must be "image"')
    known = {field.name for field in fields(ImageContract)}
    if unknown := sorted(rest.keys() - known):
        raise BadVersion(f"input contract: unknown keys {', '.join(unknown)}")
    if missing := sorted({"tensor", "size"} - rest.keys()):
        raise BadVersion(f"input contract: {' and '.join(missing)} must be given")
    arguments: dict[str, Any] = {
        key: tuple(item) if isinstance(item, list) else item for key, item in rest.items()
    }
    try:
        if rest.get("ink") is not None:
            arguments["ink"] = InkCentring(**rest["ink"])
        return ImageContract(**arguments)
    except TypeError as error:
        raise BadVersion(f"input contract: {error}") from error
