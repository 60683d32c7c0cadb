"""What the README says is so."""

from __future__ import annotations

import json
import re
import subprocess
import wave
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_type_hints

import pytest

from adapter.config import Settings
from model_store.errors import Code
from serving.config import ServerConfig
from tests.support import (
    BUNDLED_STORE,
    ROOT,
    easel,
    free_port,
    read_until,
    wait_until_it_answers,
)

DOCS = ROOT / "docs"
CONFIGS = [ServerConfig, *get_type_hints(Settings).values()]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
PAGES = ("README.md", "adapter/README.md", *(f"docs/{page.name}" for page in DOCS.glob("*.md")))
# What needs more than the bundled store and one process has a test of its own, but the koala:
# no such picture is bundled.
ELSEWHERE = ("koala.webp", "/api/aivoice", "/api/feedback")


@pytest.mark.parametrize("config", CONFIGS)
def test_every_setting_is_documented(config):
    missing = [field.name for field in fields(config) if f"`{field.name}`" not in SETTINGS]
    assert missing == []


@pytest.mark.parametrize("config", CONFIGS)
def test_every_setting_explains_itself(config):
    described = re.findall(r"^ {8}(\w+): ", config.__doc__ or "", re.MULTILINE)
    assert described == [field.name for field in fields(config)]


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_every_error_code_is_in_the_readme(code: Code):
    assert f"`{code.name}`" in README
    assert str(code.http) in README


@pytest.mark.parametrize("page", PAGES)
def test_the_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def examples() -> Iterator[tuple[str, Any]]:
    """Each curl command of the README, with the answer that is shown below it."""
    blocks = re.findall(r"```\n(curl [^`]*)```\n```json\n([^`]*)```", README)
    for commands, answers in blocks:
        rest = re.sub(r", \.\.\.\]", ', "..."]', answers).strip()
        for command in re.split(r"\n(?=curl )", commands.strip()):
            answer, end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:].strip()
            if not any(word in command for word in ELSEWHERE):
                yield command, answer
        assert not rest, f"an answer without a command: {rest}"


def assert_shown(shown: Any, real: Any) -> None:
    """What the README shows is in the answer; ``...`` is more of the same."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            assert_shown(value, real[key])
    elif isinstance(shown, list):
        count = len(shown) - 1 if shown[-1:] == ["..."] else len(real)
        assert len(shown[:count]) <= len(real)
        for one, other in zip(shown[:count], real, strict=False):
            assert_shown(one, other)
    elif isinstance(shown, float):
        assert real == pytest.approx(shown, abs=1e-3)
    else:
        assert real == shown


def test_the_curl_lines_answer_what_the_readme_shows():
    port = free_port()
    ports = ["--grpc-port", str(free_port()), "--rest-port", str(free_port())]
    asked = list(examples())
    assert len(asked) >= 7
    with easel("up", "--store", str(BUNDLED_STORE), "--port", str(port), *ports) as up:
        read_until(up, "Easel is ready")
        for command, shown in asked:
            done = subprocess.run(
                ["bash", "-c", command.replace(":8080", f":{port}")],
                cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
            )  # fmt: skip
            assert_shown(shown, json.loads(done.stdout))


def test_the_readmes_speech_sounds_as_it_says(tmp_path):
    commands = re.findall(r"^curl .*/api/aivoice .*$", README, re.MULTILINE)
    port = free_port()
    arguments = ["--store", str(BUNDLED_STORE), "--services", "aivoice", "--port", str(port)]
    # Whoever runs this may have credentials; it is the engine here that is shown.
    google = {"EASEL_GOOGLE_TEXT_TO_SPEECH": "off"}
    with easel("adapter", *arguments, env=google) as adapter:
        wait_until_it_answers(adapter, port)
        to_file, to_json = (
            subprocess.run(
                ["bash", "-c", command.replace(":8080", f":{port}")],
                cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
            ).stdout
            for command in commands
        )  # fmt: skip
    assert to_file in README
    with wave.open(str(tmp_path / "hello.wav")) as sound:
        assert sound.getframerate() == 22050
    answer = json.loads(to_json)
    assert answer.pop("audio")[:20] in README
    assert all(f'"{name}": {json.dumps(value)}' in README for name, value in answer.items())


def test_the_accuracy_in_the_readme_is_that_of_the_bundled_version():
    manifest = json.loads((BUNDLED_STORE / "numbers" / "1" / "manifest.json").read_text())
    assert manifest["tag"], "the recipe writes its accuracy into the tag"
    for figure in re.findall(r"[\d.]+ %", manifest["tag"]):
        assert figure in README
