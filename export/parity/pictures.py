"""Tensors that are pictures, as PNG inside the page."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Less is a table of numbers, more does not belong into a page.
MIN_PX, MAX_PX = 4, 512
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def data_url(tensor: NDArray[Any]) -> str | None:
    """``data:image/png;base64,...``, or None if *tensor* is no picture.

    Args:
        tensor: ``[H, W]``, ``[H, W, C]`` or ``[C, H, W]`` with one, three or four channels;
            what is not uint8 is spread from its smallest to its largest value.
    """
    pixels = _channels_last(tensor)
    if pixels is None:
        return None
    if pixels.dtype != np.uint8:
        pixels = _spread(pixels.astype(np.float64))
    mode = _MODES[pixels.shape[2]]
    picture = Image.fromarray(pixels[:, :, 0] if mode == "L" else pixels)
    picture.thumbnail((MAX_PX, MAX_PX))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def _channels_last(tensor: NDArray[Any]) -> NDArray[Any] | None:
    if tensor.ndim == 2:
        tensor = tensor[:, :, None]
    if tensor.ndim != 3 or tensor.dtype.kind not in "fu":
        return None
    if tensor.shape[2] not in _MODES and tensor.shape[0] in _MODES:
        tensor = np.moveaxis(tensor, 0, -1)
    is_picture = tensor.shape[2] in _MODES and min(tensor.shape[:2]) >= MIN_PX
    return np.ascontiguousarray(tensor) if is_picture else None


def _spread(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    span = high - low or 1.0
    shown = np.nan_to_num((values - low) / span, nan=0.0, posinf=1.0, neginf=0.0)
    return (shown.clip(0, 1) * 255).round().astype(np.uint8)
