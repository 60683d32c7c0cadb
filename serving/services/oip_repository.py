"""The store as Triton's model repository."""

from __future__ import annotations

from serving.api import oip_documents as documents
from serving.api.oip_documents import Document
from serving.engine.engine import Engine, State, VersionStatus

_STATES = {
    State.START: "LOADING",
    State.LOADING: "LOADING",
    State.AVAILABLE: "READY",
    State.UNLOADING: "UNLOADING",
    State.END: "UNAVAILABLE",
}


def repository_index(engine: Engine, *, only_ready: bool) -> list[Document]:
    """Every version that was tried, with its state and the reason for it."""
    statuses = [status for name in engine.models() for status in engine.statuses(name)]
    return documents.index(
        (status.model, _STATES[status.state], _reason(status))
        for status in statuses
        if status.state is State.AVAILABLE or not only_ready
    )


def _reason(status: VersionStatus) -> str:
    return status.error or ("unloaded" if status.state is State.END else "")
