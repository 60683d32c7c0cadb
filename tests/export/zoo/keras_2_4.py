"""What an HDF5 file of Keras 2.4, Teachable Machine's, does not have in its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py

_LATER = {"module", "registered_name", "build_config"}


def strip_like_keras_2_4(path: Path) -> None:
    """Take the keys out that later versions write."""

    def strip(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: strip(value) for key, value in part.items() if key not in _LATER}
        return [strip(value) for value in part] if isinstance(part, list) else part

    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = json.dumps(strip(json.loads(file.attrs["model_config"])))
        file.attrs["keras_version"] = "2.4.0"
