"""Official clients against two processes on the same ports, which they cannot tell from one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.environments import run_in
from tests.conformance.http_cases import TOKEN
from tests.conformance.matrix import SCRIPTS
from tests.serving.processes import two_workers

CONTROL = ("--model_control", "--model_control_token", TOKEN, "--shared_memory", "/")


@pytest.mark.parametrize("script", ["tfs_reload.py", "triton_grpc.py", "triton_http.py"])
def test_what_a_client_does_to_one_worker_it_finds_in_all(script: str, conformance_store: Path):
    with two_workers(conformance_store, *CONTROL) as workers:
        addresses = (workers.grpc, workers.http)
        printed = run_in(SCRIPTS[script], script, *addresses, str(conformance_store))
    results = [json.loads(line) for line in printed.splitlines()]
    assert results
    assert [each for each in results if not each["ok"]] == []
