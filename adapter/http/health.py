"""``/healthz`` and ``/readyz``: whether the process answers, and what it lacks to be of use."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec
from flask import Response

from adapter.cloud.calling import NOT_ASKED, OK
from adapter.http.answers import RETRY_AFTER_S
from adapter.http.operations import Operation, Service
from adapter.parts import Parts

_READY_TIMEOUT_S = 1.0
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


def build(parts: Parts) -> Service:
    """The two questions that balancers and operators ask; nobody needs a key for them."""
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
        handle=lambda _: _answer_ready(parts, failed),
        answer=Readiness,
        scope=None,
        example=Readiness("ok"),
        otherwise={503: Readiness},
    )
    return Service("health", (live, ready))


def _answer_ready(parts: Parts, failed: Mapping[str, bool]) -> Readiness | Response:
    missing = tuple(_missing(parts))
    degraded = tuple(sorted(name for name, has_failed in failed.items() if has_failed))
    if not missing:
        return Readiness("degraded" if degraded else "ok", degraded=degraded)
    body = msgspec.json.encode(Readiness("not ready", missing, degraded))
    response = Response(body, 503, content_type="application/json")
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _missing(parts: Parts) -> Iterator[str]:
    servers = parts.server.health(timeout_s=_READY_TIMEOUT_S)
    yield from (name for name, complaint in servers.items() if complaint is not None)
    if not _is_readable(parts.settings.adapter.store):
        yield "model store"


def _is_readable(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except OSError:
        return False
    return True
