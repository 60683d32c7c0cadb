"""What an author might bring along as ``--reference``."""

from __future__ import annotations

import numpy as np
from PIL import Image


def halved(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.float32)[np.newaxis] / 2


def wordy(path: str) -> str:
    return path
