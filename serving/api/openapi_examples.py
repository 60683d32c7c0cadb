"""Requests that somebody can send as they are, by the name of their schema.

For a model with the input ``x``, float32 of three columns; held against the schemas by a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "PredictRequest": {
        "rows": {"instances": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]},
        "columns": {
            "signature_name": "serving_default",
            "inputs": {"x": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]},
        },
    },
    "ExamplesRequest": {
        "features": {"context": {"z": 1}, "examples": [{"x": [1.0, 2.0, 3.0]}]},
    },
    "InferRequest": {
        "flat": {
            "id": "7",
            "inputs": [
                {"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1.0, 2.0, 3.0]},
            ],
            "outputs": [{"name": "y"}],
        },
    },
    "IndexRequest": {"all": {}, "callable": {"ready": True}},
    "ControlRequest": {"whole": {}},
}
