"""Says early when folders may have changed; whoever needs to be sure looks now and then.

On network file systems and in some containers the system tells nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import Change, watch

from model_store.atomic import UNFINISHED

logger = logging.getLogger(__name__)

_STEP_MS = 50  # how long a folder must be quiet
_MOST_MS = 400  # how long it may go on changing before that is told
_QUIET_MS = 500  # how often it is said that nothing changed
_STOP_S = 5.0


class FolderWatch:
    """A thread that calls back when something below some folders has changed."""

    def __init__(self, changed: Callable[[], object]) -> None:
        """Watch nothing yet; *changed* will be called in the thread."""
        self._changed = changed
        self._watched: frozenset[tuple[Path, int, int]] = frozenset()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        # ``follow`` may be under way in a thread when the server closes.
        self._lock = threading.Lock()
        self._is_closed = False

    def follow(self, folders: Iterable[Path]) -> None:
        """Watch exactly these folders, those of them that there are.

        Call it again now and then: a folder that came, or that is another one under the
        same name since a file system was mounted, is noticed only here.
        """
        wanted = frozenset(key for folder in folders if (key := _identity(folder)) is not None)
        with self._lock:
            if not self._is_closed:
                self._follow(wanted)

    def _follow(self, wanted: frozenset[tuple[Path, int, int]]) -> None:
        is_running = self._thread is not None and self._thread.is_alive()
        if wanted == self._watched and (is_running or not wanted):
            return
        self._end()
        self._watched = wanted
        if wanted:
            self._stop = threading.Event()
            paths = tuple(sorted(path for path, _, _ in wanted))
            self._thread = threading.Thread(
                target=self._run, args=(paths, self._stop), name="store-watch", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """End the thread, for good."""
        with self._lock:
            self._is_closed = True
            self._end()

    def _end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)
            self._thread = None
        self._watched = frozenset()

    def _run(self, paths: tuple[Path, ...], stop: threading.Event) -> None:
        try:
            is_first = True
            for changes in watch(
                *paths, watch_filter=_is_of_interest, stop_event=stop, raise_interrupt=False,
                step=_STEP_MS, debounce=_MOST_MS, rust_timeout=_QUIET_MS, yield_on_timeout=True,
            ):  # fmt: skip
                # What changed before the watch began was told to nobody.
                if changes or is_first:
                    self._changed()
                is_first = False
        except Exception as error:  # no more watches, or a folder went away: others look
            logger.warning("changes are noticed by looking only: %s", error)
            stop.wait()


def _is_of_interest(_: Change, path: str) -> bool:
    return UNFINISHED not in path  # a version being written; its rename is told as well


def _identity(folder: Path) -> tuple[Path, int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return folder, status.st_dev, status.st_ino
