"""What the README says is so."""

from __future__ import annotations

import json
import re
import subprocess
import wave
from dataclasses import fields
from typing import get_type_hints

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

CONFIGS = [ServerConfig, *get_type_hints(Settings).values()]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("config", CONFIGS)
def test_every_setting_is_in_the_readme(config):
    missing = [field.name for field in fields(config) if f"`{field.name}`" not in README]
    assert missing == []


@pytest.mark.parametrize("config", CONFIGS)
def test_every_setting_explains_itself(config):
    described = re.findall(r"^ {8}(\w+): ", config.__doc__ or "", re.MULTILINE)
    assert described == [field.name for field in fields(config)]


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_every_error_code_is_in_the_readme(code: Code):
    assert f"`{code.name}`" in README
    assert str(code.http) in README


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_curl_line_answers_what_the_readme_shows():
    command, *_ = re.findall(r"^curl .*?\n.*?$", README, re.MULTILINE)
    port = free_port()
    with easel(
        "up",
        "--store",
        str(BUNDLED_STORE),
        "--port",
        str(port),
        "--grpc-port",
        str(free_port()),
        "--rest-port",
        str(free_port()),
    ) as up:
        read_until(up, "Easel is ready")
        done = subprocess.run(
            ["bash", "-c", command.replace(":8080", f":{port}")],
            cwd=ROOT, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
    answer = json.loads(done.stdout)
    assert (answer["label"], answer["model"]) == ("3", {"name": "numbers", "version": 1})
    assert answer["msg"] in README


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
