from __future__ import annotations

import json
import os
import platform
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from export.workshop import landlock, seccomp
from export.workshop.sandbox import GIB, Limits, environment, limits_for, size

HERE = Path(__file__).parent
REFUSED = {
    "connects", "opens a unix socket", "sends a datagram", "writes outside",
    "writes to shared memory", "reads outside", "lists outside", "reads its parent's variables",
    "reads passwords", "forks", "starts a program", "replaces itself", "signals its parent",
    "signals a group", "links a secret", "leaves a symbolic link", "leaves a pipe",
    "removes outside", "makes a file in memory",
}  # fmt: skip
NOBODY = 65534
pytestmark = pytest.mark.skipif(
    landlock.version() < 2 or platform.machine() not in seccomp.MACHINES,
    reason="needs a Linux that can fence a process in",
)


@pytest.fixture
def work(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secret.txt").chmod(0o640)
    return work


def start(work: Path, *names: str, user: int | None = None, **limits: int):
    return subprocess.run(
        [sys.executable, HERE / "escapes.py", work, str(user or "-"), json.dumps(limits), *names],
        env=os.environ
        | {"PYTHONPATH": str(HERE.parents[2]), "AWS_SECRET_ACCESS_KEY": "secret", "HOME": "/root"},
        capture_output=True,
        timeout=60,
        check=False,
    )


def outcomes(work: Path, *names: str, user: int | None = None, **limits: int):
    done = start(work, *names, user=user, **limits)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_the_child_can_reach_nothing_but_its_folder(work: Path):
    found = outcomes(work, *REFUSED)
    assert found.pop("notes") == []
    assert set(found.values()) <= {"PermissionError"}, found
    assert sorted(path.name for path in work.parent.iterdir()) == ["secret.txt", "work"]
    assert not list(work.iterdir())


def test_an_ordinary_user_is_fenced_in_as_well_as_root(work: Path):
    user = None
    if os.getuid() == 0:
        user = NOBODY
        os.chown(work, user, user)
        for folder in work.parents[:3]:
            folder.chmod(0o755)
    found = outcomes(work, *REFUSED, "writes inside", "starts threads", user=user)
    assert found.pop("writes inside") == "written"
    assert found.pop("starts threads") == "joined"
    assert found.pop("notes") == []
    assert set(found.values()) <= {"PermissionError"}, found


def test_what_cannot_be_refused_has_no_effect(work: Path):
    found = outcomes(
        work, "makes secret open", "runs a shell", "types into the terminal", "knows a credential"
    )
    assert found["runs a shell"] != 0
    assert found["types into the terminal"] == "refused"
    assert found["knows a credential"] is None
    assert (work.parent / "secret.txt").stat().st_mode & 0o777 == 0o640
    assert not (work.parent / "outside.txt").exists()


def test_what_loading_a_model_needs_still_works(work: Path):
    found = outcomes(
        work, "writes inside", "moves inside", "copies inside", "starts threads", "knows its home"
    )
    assert found["writes inside"] == "written"
    assert (found["moves inside"], found["copies inside"]) == ("g", "copy.txt")
    assert found["starts threads"] == "joined"
    assert found["knows its home"] == str(work)


def test_memory_and_files_have_an_end(work: Path):
    found = outcomes(work, "allocates 100 GB")
    assert found["allocates 100 GB"] == "MemoryError"
    done = start(work, "writes a long file", file_bytes=1_000_000)
    # The kernel's answer is a signal that Python ignores, and an error.
    assert b'"writes a long file": "OSError"' in done.stdout


def test_a_fork_bomb_never_has_a_second_process(work: Path):
    assert outcomes(work, "bombs")["bombs"] == "PermissionError"


def test_code_that_never_ends_is_ended_when_its_time_is_up(work: Path):
    done = start(work, "spins", cpu_s=1)
    assert done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)


def test_a_large_source_is_given_more_room(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "weights").write_bytes(b"0" * 100)
    (tmp_path / "graph").write_bytes(b"0" * 11)
    assert size(tmp_path) == 111
    assert size(tmp_path / "graph") == 11
    assert limits_for(111) == Limits()
    assert limits_for(3 * GIB).memory_bytes == 28 * GIB


def test_a_child_is_told_languages_and_paths_and_no_secrets(tmp_path: Path):
    given = {
        "PATH": "/bin", "LC_ALL": "C.UTF-8", "TF_CPP_MIN_LOG_LEVEL": "2", "HOME": "/home/me",
        "AWS_SECRET_ACCESS_KEY": "s", "GITHUB_TOKEN": "t", "SSH_AUTH_SOCK": "/run/agent",
        "HTTPS_PROXY": "http://user:password@proxy", "LD_PRELOAD": "/tmp/evil.so",
    }  # fmt: skip
    kept = environment(given, tmp_path)
    assert {name for name in given if name in kept} == {
        "PATH", "LC_ALL", "TF_CPP_MIN_LOG_LEVEL", "HOME"
    }  # fmt: skip
    assert kept["HOME"] == kept["TMPDIR"] == str(tmp_path)


def test_this_process_is_not_bounded_by_the_tests():
    assert resource.getrlimit(resource.RLIMIT_CPU)[0] == resource.RLIM_INFINITY
