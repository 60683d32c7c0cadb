"""TorchServe's token, out of a file that changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapter.clients.tokens import TokenFile
from model_store.errors import InvalidRequest


def replace(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


def test_a_token_alone_and_torchserves_own_file_are_understood(tmp_path):
    (tmp_path / "token").write_text("secret-1\n")
    keys = {"management": {"key": "m"}, "inference": {"key": "secret-2"}, "API": {"key": "a"}}
    (tmp_path / "key_file.json").write_text(json.dumps(keys))
    assert TokenFile(tmp_path / "token").read() == "secret-1"
    assert TokenFile(tmp_path / "key_file.json").read() == "secret-2"


def test_a_new_token_is_seen_and_the_old_one_used_while_the_file_is_away(tmp_path):
    path = tmp_path / "token"
    path.write_text("old")
    file = TokenFile(path)
    assert file.read() == "old"
    replace(path, "new")
    assert file.read() == "new"
    path.unlink()
    assert file.read() == "new"
    path.write_text("{")
    assert file.read() == "new"


@pytest.mark.parametrize(
    "text", ["", " \n", "two words", "line\nbreak", "{", "{}", '{"inference": 1}', "ü"]
)
def test_a_file_without_a_token_says_what_is_wanted(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidRequest, match="torchserve_token_file .* key_file.json"):
        TokenFile(path).read()
    with pytest.raises(InvalidRequest, match="torchserve_token_file"):
        TokenFile(tmp_path / "none").read()
