"""Input contracts that many models share, by name: what their authors' own code does to a picture.

Each is data: how a picture becomes pixels, how pixels become the network's numbers, and whose
code says so.  Single flags replace single fields.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_store.contract import CHANNELS, Fit, ImageContract, InkCentring, Mode, Resize
from model_store.errors import BadVersion, ExportRefused

# What torchvision, timm and most PyTorch code normalise by, in a scale of 0 to 1.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Preset:
    """One named way to feed a picture to a model; see ``ImageContract`` for the fields it shares.

    Attributes:
        title: Whose models it is for.
        scale: One factor for a channel.
        offset: One number for a channel, added after the factor.
        reference: The name in ``export.references`` of the code that it follows; empty if none.
    """

    title: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    size: tuple[int, int] = (224, 224)
    mode: Mode = "RGB"
    resize: Resize = "bilinear"
    fit: Fit = "stretch"
    short_side_px: int | None = None
    invert: bool = False
    ink: InkCentring | None = None
    reference: str = ""


PRESETS: Mapping[str, Preset] = {
    # The Python that Teachable Machine exports beside the model: ImageOps.fit, Lanczos.
    "teachable-machine": Preset(
        title="Google's Teachable Machine, image projects",
        scale=(1 / 127.5,) * 3,
        offset=(-1.0,) * 3,
        resize="lanczos",
        fit="crop",
        reference="teachable-machine",
    ),
    # torchvision's weights: Resize(256), CenterCrop(224), ToTensor, Normalize.
    "imagenet-torch": Preset(
        title="PyTorch networks trained on ImageNet",
        scale=tuple(1 / (255 * deviation) for deviation in _DEVIATION),
        offset=tuple(-mean / dev for mean, dev in zip(_MEAN, _DEVIATION, strict=True)),
        fit="crop",
        short_side_px=256,
        reference="imagenet-torch",
    ),
    # keras.applications with preprocess_input's mode "tf": MobileNet, Inception, Xception, NASNet.
    "imagenet-tf": Preset(
        title="Keras networks trained on ImageNet that take -1 to 1",
        scale=(1 / 127.5,) * 3,
        offset=(-1.0,) * 3,
        reference="keras-image-utils",
    ),
    # Digits as MNIST's makers prepared them: light ink, 20 pixels high, centred by mass in 28.
    "mnist": Preset(
        title="digits and other single drawings, light on black",
        scale=(1 / 255,),
        offset=(0.0,),
        size=(28, 28),
        mode="L",
        fit="contain",
        invert=True,
        ink=InkCentring(20),
    ),
}


def contract_of(preset: Preset, *, tensor: str = "image", **changes: Any) -> ImageContract:
    """The preset's input contract.

    Args:
        preset: One of ``PRESETS``.
        tensor: The wire tensor's name.
        changes: Fields of ``ImageContract`` that the author gave; None keeps the preset's.

    Raises:
        ExportRefused: No picture can satisfy the whole.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    mode = given.get("mode", preset.mode)
    fields: dict[str, Any] = {
        "size": preset.size,
        "mode": mode,
        "background": (255,) * CHANNELS[mode],
        "resize": preset.resize,
        "fit": preset.fit,
        "invert": preset.invert,
        "ink": preset.ink,
        "short_side_px": preset.short_side_px,
    } | given
    if preset.short_side_px is not None and "short_side_px" not in given:
        fields["short_side_px"] = _short_side(preset, fields)
    try:
        return ImageContract(tensor, **fields)
    except BadVersion as error:
        raise ExportRefused(str(error)) from error


def _short_side(preset: Preset, fields: Mapping[str, Any]) -> int | None:
    """The preset's proportion of resizing to cutting, kept for another size."""
    if fields["fit"] != "crop" or fields["ink"] is not None or preset.short_side_px is None:
        return None
    side: int = max(fields["size"])
    return round(preset.short_side_px * side / max(preset.size))


def add_flags(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """``--preset`` and ``--short-side``, for the group of the input contract."""
    names = "; ".join(f"{name}: {preset.title}" for name, preset in PRESETS.items())
    parser.add_argument("--preset", choices=sorted(PRESETS), help=f"a whole contract: {names}")
    parser.add_argument(
        "--short-side",
        type=int,
        metavar="PIXELS",
        help="with --fit crop: resize by the shorter side first, as torchvision does",
    )
