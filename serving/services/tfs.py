"""TF Serving's PredictionService and ModelService over the engine, in its words."""

from __future__ import annotations

from collections.abc import Iterable

from model_store.errors import (
    EaselError,
    InvalidRequest,
    ServableNotFound,
    SignatureNotFound,
    TensorMismatch,
)
from model_store.spec import Signature
from serving.api import tfs
from serving.api.calls import ModelRef, Prediction
from serving.api.protos import tensorflow_error_pb2 as tf_error
from serving.api.protos import tensorflow_serving_pb2 as pb
from serving.api.wire import parse
from serving.engine.engine import Engine, Missing, State, VersionStatus, require
from serving.engine.servable import Servable
from serving.services.methods import Call, Methods, Unary

_STATES = {
    State.START: pb.ModelVersionStatus.START,
    State.LOADING: pb.ModelVersionStatus.LOADING,
    State.AVAILABLE: pb.ModelVersionStatus.AVAILABLE,
    State.UNLOADING: pb.ModelVersionStatus.UNLOADING,
    State.END: pb.ModelVersionStatus.END,
}


def tfs_methods(engine: Engine) -> Methods:
    """TF Serving's methods by their full path."""

    async def predict(request: bytes, call: Call) -> bytes:
        prediction = tfs.decode_predict_request(request)
        call.asked = prediction.model
        servable = _find(engine, prediction.model)
        _check(servable, prediction)
        call.answer = answer = await engine.infer(servable, prediction, call.deadline)
        return tfs.encode_predict_response(answer, prediction.signature)

    async def get_model_metadata(request: bytes, call: Call) -> bytes:
        ref = _metadata_target(request)
        servable = _find(engine, ref)
        return tfs.encode_metadata(servable.model, servable.manifest.signatures)

    async def get_model_status(request: bytes, call: Call) -> bytes:
        message = parse(pb.GetModelStatusRequest, request)
        ref = tfs.decode_model_spec(message)
        return _encode_statuses(_wanted_statuses(engine, ref))

    return {
        tfs.PREDICT: Unary(predict),
        tfs.GET_MODEL_METADATA: Unary(get_model_metadata),
        tfs.GET_MODEL_STATUS: Unary(get_model_status),
    }


def _find(engine: Engine, ref: ModelRef) -> Servable:
    found = engine.find(ref)
    if found is Missing.YET or not isinstance(found, Missing):
        return require(found, ref)
    if found is Missing.LABEL:
        raise InvalidRequest(f"Unrecognized servable version label: {ref.label}")
    kind = f"Latest({ref.name})" if ref.version is None else f"Specific({ref.name}, {ref.version})"
    raise ServableNotFound(f"Servable not found for request: {kind}")


def _check(servable: Servable, prediction: Prediction) -> None:
    """Raise in TF Serving's words what its clients may look for."""
    signature = servable.manifest.signatures.get(prediction.signature)
    if signature is None:
        raise SignatureNotFound(f'Serving signature key "{prediction.signature}" not found.')
    _check_names(signature, prediction)
    known = [spec.name for spec in signature.outputs]
    for alias in prediction.outputs:
        if alias not in known:
            raise InvalidRequest(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_braced(known)}."
            )
        if prediction.outputs.count(alias) > 1:
            raise InvalidRequest(f"duplicate output tensor alias: {alias}")


def _check_names(signature: Signature, prediction: Prediction) -> None:
    wanted, sent = {spec.name for spec in signature.inputs}, prediction.inputs.keys()
    if sent == wanted:
        return
    raise TensorMismatch(
        f"input size does not match signature: {len(sent)}!={len(wanted)} "
        f"len({_braced(sent)}) != len({_braced(wanted)}). "
        f"Sent extra: {_braced(sent - wanted)}. "
        f"Missing but required: {_braced(wanted - sent)}."
    )


def _braced(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _metadata_target(request: bytes) -> ModelRef:
    message = parse(pb.GetModelMetadataRequest, request)
    ref = tfs.decode_model_spec(message)
    if not message.metadata_field:
        raise InvalidRequest("GetModelMetadataRequest must specify at least one metadata_field")
    for name in message.metadata_field:
        if name != "signature_def":
            raise InvalidRequest(f"Metadata field {name} is not supported")
    return ref


def _wanted_statuses(engine: Engine, ref: ModelRef) -> tuple[VersionStatus, ...]:
    statuses = engine.statuses(ref.name)
    if not statuses:
        raise ServableNotFound(f"Could not find any versions of model {ref.name}")
    if ref.label is not None:
        ref = ModelRef(ref.name, version=_find(engine, ref).model.number)
    if ref.version is None:
        return statuses
    chosen = tuple(status for status in statuses if status.model.number == ref.version)
    if not chosen:
        raise ServableNotFound(f"Could not find version {ref.version} of model {ref.name}")
    return chosen


def _encode_statuses(statuses: Iterable[VersionStatus]) -> bytes:
    response = pb.GetModelStatusResponse()
    for status in statuses:
        item = response.model_version_status.add(
            version=status.model.number, state=_STATES[status.state]
        )
        item.status.error_code = (
            tf_error.Code.Value(EaselError.code.name) if status.error else tf_error.OK
        )
        item.status.error_message = status.error
    return response.SerializeToString()
