"""Finished calls for the tests beside this."""

from __future__ import annotations

import numpy as np

from model_store.errors import Code
from model_store.spec import ModelVersion
from serving.api.calls import Answer, ModelRef, Timing
from serving.services.methods import Call
from serving.services.observation import Observation

PREDICT = "/tensorflow.serving.PredictionService/Predict"


def answered(path: str = PREDICT, *, is_grpc: bool = True, **headers: str) -> Observation:
    """A call that numbers/3 answered, in a run of 5 rows."""
    answer = Answer(
        ModelVersion("numbers", 3), {"scores": np.zeros((1, 10))}, Timing(0.001, 0.002, 5)
    )
    call = Call(None, _encoded(headers), ModelRef("numbers"), answer)
    return Observation(path, is_grpc, Code.OK, call, 0.004, 800, 60)


def failed(asked: ModelRef | None, code: Code = Code.NOT_FOUND, **headers: str) -> Observation:
    """A call without an answer."""
    call = Call(None, _encoded(headers), asked, None)
    return Observation(PREDICT, True, code, call, 0.0002, 30, 0, "no such model")


def _encoded(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
