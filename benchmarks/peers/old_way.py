"""How a drawing used to be answered: Flask, with Keras' ``model.predict`` in the web process.

The same route, the same input contract and the same answer's shape as ours, and nothing
else.  Run by gunicorn, in an environment with TensorFlow (``old_way.txt``).
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
from flask import Flask, request

from benchmarks.inputs import KERAS_VARIABLE, STORE_VARIABLE, contract_of
from model_store.preprocess import to_tensor

app = Flask(__name__)
_model = keras.models.load_model(os.environ[KERAS_VARIABLE], compile=False)
_contract = contract_of(Path(os.environ[STORE_VARIABLE]))


@app.post("/api/numbers")
def recognise() -> dict[str, Any]:
    """Label one drawing."""
    text = request.get_json()["base64_drawing"].partition(",")[2]
    pixels = to_tensor(base64.b64decode(text), _contract)
    scores = _model.predict(pixels.astype(np.float32) / 255.0, verbose=0)[0]
    predictions = [
        {"label": str(digit), "score": float(scores[digit])} for digit in np.argsort(-scores)
    ]
    return {"label": predictions[0]["label"], "predictions": predictions}
