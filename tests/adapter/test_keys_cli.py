"""``easel keys``, as an operator types it."""

from __future__ import annotations

import json
import subprocess

import pytest

from adapter.access.key_file import read_keys
from tests.support import easel_command


def keys(*arguments: object, **environ: str) -> subprocess.CompletedProcess[str]:
    command = easel_command("keys", *map(str, arguments))
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_key_is_printed_once_listed_and_removed(tmp_path):
    path = tmp_path / "keys.json"
    made = keys("add", "shop", "--scopes", "predict, speech", "--key_file", path)
    text = made.stdout.splitlines()[0]
    assert read_keys(path).find(text).scopes == ("predict", "speech")
    assert text not in path.read_text()
    second = json.loads(keys("add", "till", "--key-file", path, "--json").stdout)
    assert read_keys(path).find(second["key"]).scopes == ("predict",)
    listed = json.loads(keys("list", "--key_file", path, "--json").stdout)
    assert [(key["name"], key["scopes"]) for key in listed] == [
        ("shop", ["predict", "speech"]), ("till", ["predict"]),
    ]  # fmt: skip
    assert "shop" in keys("list", "--key_file", path).stdout
    assert keys("remove", "shop", "--key_file", path).returncode == 0
    assert read_keys(path).find(text) is None
    assert read_keys(path).find(second["key"]).name == "till"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["add", "shop"], "name one with --key_file"),
        (["add", "a b", "--key_file", "{}"], "a name has letters"),
        (["add", "shop", "--scopes", "all", "--key_file", "{}"], "scopes are of predict, speech"),
        (["remove", "shop", "--key_file", "{}"], "has no key 'shop'; `easel keys list` says"),
        (["add", "shop", "--key_file", "/no/such/keys.json"], "no folder /no/such; make it first"),
        (["add", "till", "--key_file", "{}"], "has a key 'till'; remove it first"),
    ],
)
def test_a_wrong_use_is_status_2_and_one_line(tmp_path, arguments, complaint):
    path = tmp_path / "keys.json"
    keys("add", "till", "--key_file", path)
    before = path.read_bytes()
    done = keys(*(each.format(path) for each in arguments))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("easel keys: ")
    assert complaint in line
    assert path.read_bytes() == before


def test_a_damaged_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text("{")
    done = keys("add", "shop", "--key_file", path)
    assert (done.returncode, path.read_text()) == (2, "{")
    assert "it is no file of keys" in done.stderr
