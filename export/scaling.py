"""From a picture's 0..255 to the numbers a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from model_store.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Scaling:
    """``float32(pixel) * scale + offset``, the same for all channels or one number for each."""

    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scale ``[..., channels]`` in numpy, as a training script would."""
        factor, offset = np.array(self.scale, np.float32), np.array(self.offset, np.float32)
        return pixels.astype(np.float32) * factor + offset

    def __str__(self) -> str:
        return f"{_text(self.scale)} * pixel + {_text(self.offset)}"


def _text(numbers: tuple[float, ...]) -> str:
    return repr(numbers[0]) if len(set(numbers)) == 1 else repr(list(numbers))


def parse_numbers(text: str) -> tuple[float, ...]:
    """Read ``1/255`` or, for each channel, ``1/58.395,1/57.12,1/57.375``.

    Raises:
        InvalidRequest: One is no number.
    """
    return tuple(parse_number(part) for part in text.split(","))


def parse_number(text: str) -> float:
    """Read ``0.5``, ``-1`` or ``1/127.5``.

    Raises:
        InvalidRequest: It is none of these.
    """
    try:
        number, slash, divisor = text.partition("/")
        parts = float(number), float(divisor) if slash else 1.0
        quotient = parts[0] / parts[1]
        if not all(map(isfinite, (*parts, quotient))):
            raise ValueError("not finite")
        return quotient
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidRequest(f"{text!r} is not a number like 0.5, -1 or 1/255") from error
