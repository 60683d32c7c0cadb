"""What TF Serving's two APIs ask of the engine before they run anything, in its words."""

from __future__ import annotations

from model_store.errors import EaselError, InvalidRequest, ServableNotFound
from serving.api.calls import ModelRef
from serving.api.protos import tensorflow_error_pb2 as tf_error
from serving.api.protos import tensorflow_serving_pb2 as pb
from serving.crew.crew import Crew
from serving.crew.report import Report
from serving.engine.engine import Engine, Missing, State, VersionStatus, require
from serving.engine.servable import Servable

_STATES = {
    State.START: pb.ModelVersionStatus.START,
    State.LOADING: pb.ModelVersionStatus.LOADING,
    State.AVAILABLE: pb.ModelVersionStatus.AVAILABLE,
    State.UNLOADING: pb.ModelVersionStatus.UNLOADING,
    State.END: pb.ModelVersionStatus.END,
}


def find(engine: Engine, ref: ModelRef) -> Servable:
    """The servable that is asked for.

    Raises:
        InvalidRequest: No such version label.
        ServableNotFound: No such model or version.
        ServableNotReady: The server is loading its models.
    """
    found = engine.find(ref)
    if found is Missing.YET or not isinstance(found, Missing):
        return require(found, ref)
    if found is Missing.LABEL:
        raise InvalidRequest(f"Unrecognized servable version label: {ref.label}")
    number = engine.labels(ref.name).get(ref.label) if ref.label is not None else ref.version
    kind = f"Latest({ref.name})" if number is None else f"Specific({ref.name}, {number})"
    raise ServableNotFound(f"Servable not found for request: {kind}")


async def statuses(engine: Engine, crew: Crew, ref: ModelRef) -> pb.GetModelStatusResponse:
    """The state of a model's versions, or of the one that *ref* names.

    Args:
        engine: Knows the version labels.
        crew: Knows the states.
        ref: Whose.

    Raises:
        InvalidRequest: No such version label.
        ServableNotFound: No such model or version was ever tried.
    """
    response = pb.GetModelStatusResponse()
    for status in _wanted(engine, await crew.report(), ref):
        item = response.model_version_status.add(
            version=status.model.number, state=_STATES[status.state]
        )
        item.status.error_code = (
            tf_error.Code.Value(EaselError.code.name) if status.error else tf_error.OK
        )
        item.status.error_message = status.error
    return response


def _wanted(engine: Engine, report: Report, ref: ModelRef) -> tuple[VersionStatus, ...]:
    found = report.of(ref.name)
    if not found:
        raise ServableNotFound(f"Could not find any versions of model {ref.name}")
    number = ref.version
    if ref.label is not None:
        if ref.label not in engine.labels(ref.name):
            raise InvalidRequest(f"Unrecognized servable version label: {ref.label}")
        number = engine.labels(ref.name)[ref.label]
    if number is None:
        return found
    chosen = tuple(status for status in found if status.model.number == number)
    if not chosen:
        raise ServableNotFound(f"Could not find version {number} of model {ref.name}")
    return chosen
