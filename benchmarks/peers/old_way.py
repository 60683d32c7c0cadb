"""How a drawing used to be answered: Flask, with Keras' ``model.predict`` in the web process.

The same routes, the same input contracts and the same answer's shape as ours, and nothing
else.  Run by gunicorn, in an environment with TensorFlow (``old_way.txt``).
"""

from __future__ import annotations

import base64
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tf_keras
from flask import Flask, request
from PIL import Image

from benchmarks.inputs import STORE_VARIABLE, contract_of, newest
from model_store.images.pixels import tensor_of
from model_store.store import Store

_RECIPES = Path(__file__).parents[2] / "export" / "recipes"

app = Flask(__name__)
_store = Path(os.environ[STORE_VARIABLE])
# What export makes ONNX of; the second is of Keras 2, as Teachable Machine's are.
_models = {
    "numbers": keras.models.load_model(_RECIPES / "numbers.keras", compile=False),
    "classifier": tf_keras.models.load_model(
        _RECIPES / "teachable_machine" / "keras_model.h5", compile=False
    ),
}
_scales = {"numbers": (1 / 255, 0.0), "classifier": (1 / 127.5, -1.0)}
_contracts = {name: contract_of(_store, name) for name in _models}
_labels = {
    name: Store(_store).class_labels(Store(_store).manifest(newest(_store, name)))
    for name in _models
}


@app.post("/api/<name>")
def recognise(name: str) -> dict[str, Any]:
    """Label one drawing."""
    text = request.get_json()["base64_drawing"].partition(",")[2]
    pixels = tensor_of(Image.open(BytesIO(base64.b64decode(text))), _contracts[name])
    scale, offset = _scales[name]
    scores = _models[name].predict(pixels.astype(np.float32) * scale + offset, verbose=0)[0]
    predictions = [
        {"label": _labels[name][index], "score": float(scores[index])}
        for index in np.argsort(-scores)
    ]
    return {"label": predictions[0]["label"], "predictions": predictions}
