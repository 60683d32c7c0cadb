"""The store as Triton's model repository."""

from __future__ import annotations

from collections.abc import Iterable

from model_store.errors import InvalidRequest
from serving.api import oip_documents as documents
from serving.api.oip_documents import Document
from serving.crew.crew import Crew
from serving.engine.engine import State, VersionStatus
from serving.services.control import ModelControl
from serving.services.methods import Call

_STATES = {
    State.START: "LOADING",
    State.LOADING: "LOADING",
    State.AVAILABLE: "READY",
    State.UNLOADING: "UNLOADING",
    State.END: "UNAVAILABLE",
}


async def repository_index(crew: Crew, *, only_ready: bool) -> list[Document]:
    """Every version that was tried, with its state and the reason for it."""
    report = await crew.report()
    statuses = [status for name in report.models for status in report.of(name)]
    return documents.index(
        (status.model, _STATES[status.state], _reason(status))
        for status in statuses
        if status.state is State.AVAILABLE or not only_ready
    )


def _reason(status: VersionStatus) -> str:
    return status.error or ("unloaded" if status.state is State.END else "")


async def load_model(
    crew: Crew, control: ModelControl, call: Call, name: str, parameters: Iterable[str]
) -> None:
    """Load a model of the store.

    Args:
        crew: Loads it.
        control: Who may.
        call: Who asks.
        name: The model.
        parameters: Names of what else is asked for.

    Raises:
        InvalidRequest: There is a parameter, as another configuration, or files.
        EaselError: The caller may not, there is no such model, or it cannot be loaded.
    """
    control.check(call)
    for parameter in parameters:
        raise InvalidRequest(_why_not(parameter))
    await crew.load_model(name)


def _why_not(parameter: str) -> str:
    if parameter != "config" and not parameter.startswith("file:"):
        return f"unrecognized load parameter '{parameter}'."
    return (
        f"parameter '{parameter}': models are loaded from the store as they are; "
        "publish a version there"
    )


async def unload_model(crew: Crew, control: ModelControl, call: Call, name: str) -> None:
    """Take no new calls for a model; those that have begun finish.

    Raises:
        EaselError: The caller may not, or there is no such model.
    """
    control.check(call)
    await crew.unload_model(name)
