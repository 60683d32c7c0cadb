"""The real Triton that answers are compared with: it starts, and has the models."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.conformance.answers import http_answer
from tests.conformance.http_cases import GOOD_CASES, LATIN
from tests.conformance.models import TRITON_MODELS
from tests.conformance.triton_server import CannotRun, Triton, triton_server


def ready_versions(triton: Triton) -> set[tuple[str, str]]:
    request = urllib.request.Request(f"http://{triton.http}/v2/repository/index", data=b"{}")
    with urllib.request.urlopen(request, timeout=30) as response:
        index = json.load(response)
    return {(item["name"], item["version"]) for item in index if item["state"] == "READY"}


def test_triton_serves_every_version_of_every_model(triton: Triton):
    wanted = {
        (model.name, str(number))
        for model in TRITON_MODELS
        for number in range(1, len(model.versions) + 1)
    }
    assert ready_versions(triton) == wanted | {("numbers", "1")}


def test_a_triton_that_dies_under_the_questions_is_started_again_and_asked_anew(triton: Triton):
    asked: list[str] = []

    def questions() -> set[tuple[str, str]]:
        asked.append(triton.http)
        if len(asked) == 1:
            triton.process.kill()
        return ready_versions(triton)

    assert ("add", "1") in triton.ask(questions)
    assert len(asked) == 2


def test_triton_gives_strings_back_that_are_not_utf8(triton: Triton):
    case = next(case for case in GOOD_CASES if case.name == "infer: strings that are not UTF-8")
    head, _, raw = http_answer(triton.http, case).partition(" + ")
    assert head.startswith("200 application/octet-stream")
    assert raw == LATIN.hex()


def test_a_folder_without_an_environment_says_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.setenv("EASEL_TRITON_SERVER", str(tmp_path))
    with pytest.raises(CannotRun, match="make environments"):
        with triton_server(tmp_path, tmp_path):
            pass
