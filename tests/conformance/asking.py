"""Asking two servers every case."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path

from tests.conformance.answers import grpc_answer, http_answer
from tests.conformance.environments import run_in
from tests.conformance.grpc_cases import CALLS, CONTROL
from tests.conformance.http_cases import CONTROL_CASES, GET_CASES, GOOD_CASES, TOKEN
from tests.conformance.http_mistakes import MISTAKES
from tests.conformance.parameter_cases import GRPC_PARAMETERS, HTTP_PARAMETERS
from tests.conformance.region_cases import GRPC_REGIONS, HTTP_REGIONS, shared_objects
from tests.conformance.triton_server import Triton
from tests.support import RunningServer, running_server

HTTP_CASES = [*GET_CASES, *GOOD_CASES, *MISTAKES, *HTTP_PARAMETERS, *HTTP_REGIONS, *CONTROL_CASES]
GRPC_CASES = [*CALLS, *GRPC_PARAMETERS, *GRPC_REGIONS, *CONTROL]
NAMES = [f"http {case.name}" for case in HTTP_CASES] + [f"grpc {case.name}" for case in GRPC_CASES]


def serving(store: Path) -> AbstractContextManager[RunningServer]:
    """Easel, letting those load and unload who know the token, and all share memory."""
    return running_server(store, model_control=True, model_control_token=TOKEN, shared_memory="/")


def ask(triton: Triton, store: Path) -> dict[str, tuple[str, str]]:
    """Triton's answer and Easel's by the case; of a new server, for its statistics' sake."""

    def questions() -> dict[str, tuple[str, str]]:
        with serving(store) as easel, shared_objects():
            return _ask_http(triton.http, easel.http) | _ask_grpc(triton.grpc, easel.address)

    return triton.ask(questions)


def _ask_http(triton: str, easel: str) -> dict[str, tuple[str, str]]:
    return {
        f"http {case.name}": (http_answer(triton, case), http_answer(easel, case))
        for case in HTTP_CASES
    }


def _ask_grpc(triton: str, easel: str) -> dict[str, tuple[str, str]]:
    calls = json.dumps([[case.method, case.requests, case.token] for case in GRPC_CASES])
    answers = json.loads(run_in("triton", "grpc_calls.py", triton, easel, text=calls))
    return {
        f"grpc {case.name}": (grpc_answer(theirs), grpc_answer(ours))
        for case, (theirs, ours) in zip(GRPC_CASES, answers, strict=True)
    }
