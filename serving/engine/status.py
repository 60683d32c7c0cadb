"""Where versions are in their lives, as values to show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from model_store.spec import ModelVersion


class State(Enum):
    """Where a version is in its life, in this order."""

    START = "start"
    LOADING = "loading"
    AVAILABLE = "available"
    UNLOADING = "unloading"
    END = "end"


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """One version's state; *error* says why it ended, if it failed."""

    model: ModelVersion
    state: State
    error: str = ""


@dataclass(slots=True)
class LoadCounts:
    """What has happened to one model's versions since the start.

    Attributes:
        loads: Versions that became available.
        failed_loads: Attempts that failed, each retry included.
        swaps: Times that another version began to answer.
        unloads: Versions that were unloaded.
        forced_unloads: Of these, those whose calls had not ended in time.
        last_load_s: Seconds of the last successful load, with checks and warming.
    """

    loads: int = 0
    failed_loads: int = 0
    swaps: int = 0
    unloads: int = 0
    forced_unloads: int = 0
    last_load_s: float = 0.0
