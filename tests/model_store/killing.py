"""A child that is killed at its n-th step, for every n: ``python -m tests.model_store.killing``.

A step is a line that is about to be run of a module that touches files or a bucket: so there
is one between any two system calls of ours.  The child is forked, which is cheap enough to try all of them, and killed with
SIGKILL, which it cannot notice.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from model_store import atomic, bucket_files
from model_store import store as stores
from model_store.bucket import BucketStore, open_bucket
from model_store.changing import Author, promote, read_deployment, read_history
from model_store.collecting import collect
from model_store.history import HISTORY_FILE, decode
from model_store.spec import ModelVersion
from model_store.store import Store
from tests.model_store.buckets import FaultyFileSystem
from tests.model_store.publishing import publish_proven

KILLED = Author("killed")

# The modules that touch anything outside the process; what the others do between is nothing
# to be killed in.
_STEPS = {each.__file__ for each in (atomic, stores, bucket_files)}


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Whether a child that does *work* was killed before *step*, and not done by then."""
    child = os.fork()
    if child == 0:
        _die_at(step)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, f"the work failed by itself after step {step}"
    return False


def _die_at(step: int) -> None:
    seen = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal seen
        if frame.f_code.co_filename not in _STEPS:
            return None
        if event == "line":
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


assert FaultyFileSystem.protocol == "faulty"  # its import has made the protocol known


def each_step(root: Path, start: Store, work: Callable[[Store], object]) -> Iterator[Store]:
    """The store that each kill has left, from the first step of *work* to the last."""
    for step in count(1):
        store = Store(root / str(step))
        shutil.copytree(start.root, store.root)
        if not killed_at(step, lambda: work(store)):  # noqa: B023
            print(step - 1)
            return
        yield store
        shutil.rmtree(store.root)


def publishing(root: Path) -> None:
    """Kill a publisher."""
    start = Store(root / "start")
    publish_proven(start, content=b"before")
    for store in each_step(root, start, lambda store: publish_proven(store, content=b"killed")):
        versions = store.versions("numbers")
        assert versions in ((1,), (1, 2)), versions
        check(store)
        assert publish_proven(store).number in (versions[-1] + 1, versions[-1] + 2)


def promoting(root: Path) -> None:
    """Kill who promotes."""
    start = Store(root / "start")
    publish_proven(start)
    publish_proven(start)
    promote(start, ModelVersion("numbers", 1), "stable", Author("before"))
    second = ModelVersion("numbers", 2)
    for store in each_step(root, start, lambda store: promote(store, second, "stable", KILLED)):
        live = read_deployment(store, "numbers").labels["stable"]
        told = read_history(store, "numbers").changes
        assert [change.after for change in told] == list(range(1, live + 1)), told
        # The next change writes down what this one could not.
        promote(store, ModelVersion("numbers", 3 - live), "stable", Author("next"))
        written = decode((store.root / "numbers" / HISTORY_FILE).read_bytes())
        assert [change.number for change in written.changes] == list(range(1, live + 2))
        check(store)


def collecting(root: Path) -> None:
    """Kill who deletes old versions."""
    start = Store(root / "start")
    for _ in range(4):
        publish_proven(start)
    for store in each_step(root, start, lambda store: collect(store, "numbers", 2, is_trial=False)):
        assert store.versions("numbers")[-2:] == (3, 4)
        check(store)
        collect(store, "numbers", 2, is_trial=False)
        assert store.versions("numbers") == (3, 4)


def uploading(root: Path) -> None:
    """Kill who publishes to a bucket."""
    start = Store(root / "start")
    publish_proven(start, content=b"before")

    def bucket(store: Store) -> BucketStore:
        return replace(open_bucket(f"faulty://{store.root}"), abandoned_s=-1.0)

    for store in each_step(root, start, lambda store: publish_proven(bucket(store))):
        remote = bucket(store)
        versions = remote.versions("numbers")
        assert versions in ((1,), (1, 2)), versions
        for number in versions:
            remote.verify(ModelVersion("numbers", number))
        assert publish_proven(remote).number in (versions[-1] + 1, versions[-1] + 2)
        collect(remote, "numbers", None, is_trial=False)
        numbers = {path.name for path in (store.root / "numbers").iterdir()}
        assert numbers == {str(n) for n in remote.versions("numbers")} | {".highest_version"}


def check(store: Store) -> None:
    """Assert that every version is whole, and that nothing is left that cannot be cleaned."""
    for number in store.versions("numbers"):
        store.verify(ModelVersion("numbers", number))
    collect(store, "numbers", None, is_trial=False)
    left = [path.name for path in (store.root / "numbers").glob(".*")]
    assert left in ([], [".highest_version"]), left


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
