"""``/api/numbers``: a handwritten digit in, its name and ten scores out."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from adapter.answers import answer_classification, failure
from adapter.classify import Classifier
from adapter.drawing import read_drawing
from adapter.messages import Say
from model_store.errors import Code

MODEL = "numbers"


def build_blueprint(classifier: Classifier) -> Blueprint:
    """The service's routes over *classifier*."""
    blueprint = Blueprint("numbers", __name__)

    @blueprint.post("/api/numbers")
    def recognise() -> dict[str, Any]:
        # The header is not looked at: old front ends send JSON as text/plain.
        picture = read_drawing(request.get_json(force=True, silent=True))
        return answer_classification(classifier.classify(MODEL, picture))

    @blueprint.get("/api/numbers")
    def explain() -> Response:
        return failure(Code.INVALID_ARGUMENT, "use POST", Say.USE_POST, 400)

    return blueprint
