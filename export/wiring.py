"""Which prelude stands between a contract's wire tensor and a source's own input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from export.sources.source import Prelude
from model_store.contract import CHANNELS, ImageContract, Mode
from model_store.errors import ExportRefused
from model_store.spec import TensorSpec

Layout = Literal["NHWC", "NCHW"]


def prelude_for(
    contract: ImageContract,
    spec: TensorSpec,
    scale: Sequence[float],
    offset: Sequence[float],
    layout: Layout | None = None,
) -> Prelude:
    """The prelude that feeds *spec* with the contract's pictures.

    Args:
        contract: What the adapter sends.
        spec: The source's own input.
        scale: One factor, or one for each channel.
        offset: One number, or one for each channel.
        layout: The source's order of axes; found from its shape if that tells.

    Raises:
        ExportRefused: The shape does not tell the order, or there is a number too many.
    """
    channels = CHANNELS[contract.mode]
    return Prelude(
        tensor=contract.tensor,
        input=spec.name,
        size=contract.size,
        scale=_each("scale", scale, channels),
        offset=_each("offset", offset, channels),
        is_channels_first=(layout or layout_of(spec, contract.mode)) == "NCHW",
    )


def _each(name: str, values: Sequence[float], channels: int) -> tuple[float, ...]:
    if len(values) == 1:
        return tuple(values) * channels
    if len(values) != channels:
        raise ExportRefused(
            f"--{name} has {len(values)} numbers for {channels} "
            f"channel{'s' * (channels > 1)}; give one, or one for each"
        )
    return tuple(values)


def layout_of(spec: TensorSpec, mode: Mode) -> Layout:
    """Where a source wants the channels, as far as its shape tells.

    Raises:
        ExportRefused: Both ends of the shape could be the channels.
    """
    channels = CHANNELS[mode]
    if spec.shape is None or len(spec.shape) != 4:
        return "NHWC"  # without an axis for channels their order is not a question
    first, last = spec.shape[1], spec.shape[3]
    if first == last:
        raise ExportRefused(
            f"{spec} does not say which axis the channels are; add --layout NHWC or --layout NCHW"
        )
    is_first = first == channels or (first is None and last not in (None, channels))
    return "NCHW" if is_first and last != channels else "NHWC"


def size_of(spec: TensorSpec, layout: Layout) -> tuple[int, int] | None:
    """Height and width that a source's shape asks for; None where it takes any."""
    if spec.shape is None or len(spec.shape) != 4:
        return None
    height, width = spec.shape[2:] if layout == "NCHW" else spec.shape[1:3]
    return None if height is None or width is None else (height, width)
