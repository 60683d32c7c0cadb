"""A store in a bucket: a thread beside the traffic keeps a local copy, which is what is served.

The engine knows nothing of this: it follows the copy as it follows any store.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from model_store.errors import EaselError, InvalidRequest
from model_store.store import Store
from serving.config import ServerConfig

logger = logging.getLogger(__name__)

_LEAST_POLL_S = 1.0
_LONGEST_PAUSE_S = 30.0
# How long a start waits for a bucket that may never answer, where there is a copy to serve.
_PATIENCE_S = 30.0
_STOP_S = 2.0


class Mirror(Protocol):
    """What makes the copy equal to the bucket; see ``model_store.mirror``."""

    def claim(self) -> None:
        """Make the folder this mirror's, or raise InvalidRequest."""
        ...

    def look(self) -> Mapping[str, int]:
        """Models of the bucket and how many versions each has, or raise EaselError."""
        ...

    def sync(self, stop: threading.Event) -> tuple[str, ...]:
        """Do it once; returns what could not be done."""
        ...


def is_url(store: str) -> bool:
    """Whether a store is in a bucket, and not a folder of this machine."""
    return "://" in store


def local_store(config: ServerConfig) -> Path:
    """The folder that is served: the store, or its copy.

    Raises:
        InvalidRequest: The store is a URL, and nobody has said where its copy is.
    """
    if not is_url(config.store):
        return Path(config.store)
    if not config.mirror_dir:
        raise InvalidRequest("name a folder for the copy of the store with --mirror_dir")
    return Path(config.mirror_dir)


def with_mirror_dir(config: ServerConfig, environ: Mapping[str, str]) -> ServerConfig:
    """*config*, with a folder in the user's cache where the store is a URL and none is named."""
    cache = environ.get("XDG_CACHE_HOME") or (environ.get("HOME") and f"{environ['HOME']}/.cache")
    if not is_url(config.store) or config.mirror_dir or not cache:
        return config
    # The digest keeps apart what the readable part does not.
    readable = re.sub(r"[^A-Za-z0-9.-]+", "-", re.sub(r"//[^/@]*@", "//", config.store))[-64:]
    digest = hashlib.sha256(config.store.encode()).hexdigest()[:12]
    return replace(config, mirror_dir=f"{cache}/easel/{readable}-{digest}")


def open_mirror(config: ServerConfig) -> Mirror | None:
    """The mirror that the settings want; None where the store is a folder.

    Raises:
        InvalidRequest: A package is missing, or a setting is wrong.
    """
    if not is_url(config.store):
        return None
    if config.mirror_poll_s < _LEAST_POLL_S:
        raise InvalidRequest(f"--mirror_poll_s must be at least {_LEAST_POLL_S:.0f}")
    try:
        module = import_module("model_store.mirror")
    except ModuleNotFoundError as error:
        raise InvalidRequest(
            "a store at a URL needs fsspec; run: pip install 'easel[serving,bucket]'"
        ) from error
    return cast("Mirror", module.open_mirror(config.store, local_store(config)))


def pause_s(failures: int, poll_s: float) -> float:
    """Seconds until the next round, after so many failed ones in a row."""
    if failures == 0:
        return poll_s
    return float(min(2.0 ** min(failures - 1, 10), max(poll_s, _LONGEST_PAUSE_S)))


class Mirroring:
    """The thread; nothing runs where the store is a folder.  Made on the event loop."""

    def __init__(self, config: ServerConfig) -> None:
        """Start nothing yet.

        Raises:
            InvalidRequest: The settings or the folder cannot be used.
        """
        self._mirror = open_mirror(config)
        if self._mirror is not None:
            self._mirror.claim()
        self._folder = local_store(config)
        self._poll_s = config.mirror_poll_s
        self._looks_once = config.file_system_poll_wait_seconds <= 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._problems: tuple[str, ...] = ()

    async def begin(self) -> None:
        """Start, and wait until there is something to serve.

        It is up to date if the bucket answers; else it is what was copied before.
        """
        if self._mirror is None:
            return
        loop, can_serve = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(can_serve.set)

        patience_s = _PATIENCE_S if await asyncio.to_thread(self._has_copy) else None
        # A daemon: a download that hangs must not keep the process from ending.
        self._thread = threading.Thread(
            target=self._run, args=(self._mirror, tell), name="mirror", daemon=True
        )
        self._thread.start()
        try:
            await asyncio.wait_for(can_serve.wait(), patience_s)
        except TimeoutError:
            logger.warning("the bucket is slow; what %s has is served meanwhile", self._folder)

    def close(self) -> None:
        """End the thread, or leave it to end with the process."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _run(self, mirror: Mirror, tell: Callable[[], None]) -> None:
        failures = 0
        while not self._stop.is_set():
            problems = mirror.sync(self._stop)
            if self._stop.is_set():
                return
            has_copy = self._has_copy()
            self._report(problems, has_copy=has_copy)
            if has_copy or not problems:
                tell()
            if self._looks_once and not problems:
                return
            failures = failures + 1 if problems else 0
            self._stop.wait(pause_s(failures, self._poll_s))

    def _has_copy(self) -> bool:
        try:
            return bool(Store(self._folder).models())
        except (EaselError, OSError):
            return False

    def _report(self, problems: tuple[str, ...], *, has_copy: bool) -> None:
        """Say what is new; a bucket that is away for hours fills no log."""
        then = "what is here is served" if has_copy else "there is nothing to serve yet"
        for problem in problems:
            if problem not in self._problems:
                logger.error("%s; %s, and it is tried again", problem, then)
        if self._problems and not problems:
            logger.info("the bucket is mirrored again")
        self._problems = problems
