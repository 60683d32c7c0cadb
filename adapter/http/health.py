"""``/healthz`` and ``/readyz``: whether the process answers, and what it lacks to be of use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from adapter.cloud.calling import NOT_ASKED, OK
from adapter.fresh import Fresh
from adapter.http.answers import RETRY_AFTER_S
from adapter.http.operations import Operation, Reply, Service
from adapter.parts import Parts
from adapter.ports import ModelServer

_READY_TIMEOUT_S = 1.0
# So short that nobody who waits for us to be ready waits longer.
_FRESH_S = 0.25
# Left alone because of what it did before; or what was asked was wrong.
_SAYS_NOTHING = (NOT_ASKED, "refused")


class Live(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether requests can be answered, and who is not there.

    ``missing`` are needed: without them nothing can be answered.  What is in ``degraded`` failed
    when this process last asked it; answers are given without it.
    """

    status: Literal["ok", "degraded", "not ready"]
    missing: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()


def build(parts: Parts, clock: Callable[[], float] = time.monotonic) -> Service:
    """The two questions that balancers and operators ask; nobody needs a key for them.

    The model servers are not asked again within a moment, on *clock*, that anybody may ask us.
    """
    servers = Fresh(lambda: _silent(parts.server), clock, fresh_s=_FRESH_S)
    failed: dict[str, bool] = {}

    def hear(name: str, outcome: str, _: float) -> None:
        if outcome not in _SAYS_NOTHING:
            failed[name] = outcome != OK

    parts.outside.listeners.append(hear)
    live = Operation(
        method="GET",
        path="/healthz",
        name="live",
        summary="Whether the process answers",
        handle=lambda _: Live(),
        answer=Live,
        scope=None,
        example=Live(),
    )
    ready = Operation(
        method="GET",
        path="/readyz",
        name="ready",
        summary="Whether requests can be answered, and who is missing if not",
        handle=lambda _: _answer_ready(servers.get(), parts, failed),
        answer=Readiness,
        scope=None,
        example=Readiness("ok"),
        otherwise={503: Readiness},
    )
    return Service("health", (live, ready))


def _answer_ready(
    silent: tuple[str, ...], parts: Parts, failed: Mapping[str, bool]
) -> Readiness | Reply:
    is_readable = _is_readable(parts.settings.adapter.store)
    missing = silent if is_readable else (*silent, "model store")
    degraded = tuple(sorted(name for name, has_failed in failed.items() if has_failed))
    if not missing:
        return Readiness("degraded" if degraded else "ok", degraded=degraded)
    body = msgspec.json.encode(Readiness("not ready", missing, degraded))
    return Reply(body, status=503, headers=(("Retry-After", str(RETRY_AFTER_S)),))


def _silent(server: ModelServer) -> tuple[str, ...]:
    found = server.health(timeout_s=_READY_TIMEOUT_S)
    return tuple(name for name, complaint in found.items() if complaint is not None)


def _is_readable(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except OSError:
        return False
    return True
