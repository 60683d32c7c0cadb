"""From a picture's 0..255 to the numbers a network was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from model_store.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Scaling:
    """``float32(pixel) * scale + offset``."""

    scale: float = 1.0
    offset: float = 0.0

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scale in numpy, as a training script would."""
        return pixels.astype(np.float32) * np.float32(self.scale) + np.float32(self.offset)


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
