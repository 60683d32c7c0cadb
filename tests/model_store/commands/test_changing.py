"""``easel promote``, ``rollback`` and ``gc``, and a running server that follows."""

from __future__ import annotations

import getpass
import re
import socket
import subprocess

from tests.model_store.publishing import publish
from tests.serving.load import under_load
from tests.serving.processes import serving
from tests.support import ROOT, easel_command, publish_linear

# Too long to wait for: it is the system that tells of changes.
NO_POLLS = ("--file_system_poll_wait_seconds", "3600")


def test_a_promotion_and_a_rollback_are_told(easel):
    assert easel("promote", "numbers", "1").out == "stable of numbers is version 1 now\n"
    assert easel("promote", "numbers", "3").out == (
        "stable of numbers is version 3 now, before it 1\n"
    )
    assert easel("promote", "numbers", "3").out == "stable of numbers is version 3 already\n"
    assert easel("rollback", "numbers", "--reason", "slow").out == (
        "stable of numbers is version 1 again, before it 3\n"
    )


def test_json_says_what_was_changed_and_by_whom(easel):
    value = easel("promote", "numbers", "2", "--label", "canary", "--json").value
    assert (value["name"], value["label"], value["version"]) == ("numbers", "canary", 2)
    assert value["change"]["actor"] == f"{getpass.getuser()}@{socket.gethostname()}"
    assert easel("promote", "numbers", "2", "--label", "canary", "--json").value["change"] is None
    easel("promote", "numbers", "3", "--label", "canary")
    flags = ("--label", "canary", "--actor", "bo", "--json")
    value = easel("rollback", "numbers", *flags).value
    assert (value["version"], value["change"]["from"], value["change"]["actor"]) == (2, 3, "bo")


def test_a_version_without_proof_is_not_promoted(easel, store):
    publish(store)
    told = easel("promote", "numbers", "4")
    assert (told.status, told.out) == (1, "")
    assert "has no parity report; export it anew" in told.error


def test_rubbish_is_told_and_deleted(easel, store):
    easel("promote", "numbers", "3")
    (store.root / "numbers" / ".publishing-left").mkdir()
    lines = ["numbers/.publishing-left", "numbers/1", "numbers/2"]
    told = easel("gc", "--keep", "1", "--dry-run")
    assert told.out.splitlines() == [f"would delete {line}" for line in lines]
    assert easel("gc", "numbers", "--keep", "1", "--dry-run", "--json").value == {
        "unfinished": lines[:1], "versions": lines[1:], "is_dry_run": True,
    }  # fmt: skip
    told = easel("gc", "--keep", "1")
    assert told.out.splitlines() == [f"deleted {line}" for line in lines]
    assert easel("gc", "--keep", "1").out == "nothing to delete\n"
    assert store.versions("numbers") == (3,)


def run(*arguments: str) -> str:
    done = subprocess.run(
        easel_command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_running_server_follows_the_commands_under_load(tmp_path):
    for factor in (1, 2, 3):
        publish_linear(tmp_path, factor=factor, is_proven=True)
    at = ("--store", str(tmp_path))
    run("promote", "double", "1", *at)
    with serving(tmp_path, *NO_POLLS) as (_, address), under_load(address) as load:
        load.wait_for_answers(1)
        run("promote", "double", "2", *at)
        load.wait_for(2)
        run("promote", "double", "3", *at)
        load.wait_for(3)
        run("rollback", "double", *at)
        load.wait_for_last(2)
        run("gc", "--keep", "1", *at)
        load.wait_for_answers(20)
    assert load.failures == []
    assert re.search(r"\b1, 2, 3\b", run("models", *at)), "1 is what a rollback would lead to"
