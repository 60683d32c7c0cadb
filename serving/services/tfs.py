"""TF Serving's PredictionService and ModelService over the engine, in its words."""

from __future__ import annotations

from collections.abc import Iterable

from model_store.errors import InvalidRequest, SignatureNotFound, TensorMismatch
from model_store.spec import Signature
from serving.api import tfs
from serving.api.calls import ModelRef, Prediction
from serving.api.protos import tensorflow_serving_pb2 as pb
from serving.api.wire import parse
from serving.crew.crew import Alone, Crew
from serving.engine.engine import Engine
from serving.engine.servable import Servable
from serving.services.methods import Call, Methods, Unary
from serving.services.tfs_inference import inference_methods
from serving.services.tfs_lookup import find, statuses


def tfs_methods(engine: Engine, crew: Crew | None = None) -> Methods:
    """TF Serving's methods by their full path; *crew* answers for the models' state."""
    asked = crew or Alone(engine)

    async def predict(request: bytes, call: Call) -> bytes:
        prediction = tfs.decode_predict_request(request)
        call.asked = prediction.model
        servable = find(engine, prediction.model)
        _check(servable, prediction)
        call.answer = answer = await engine.infer(servable, prediction, call.deadline)
        return tfs.encode_predict_response(answer, prediction.signature)

    async def get_model_metadata(request: bytes, call: Call) -> bytes:
        ref = _metadata_target(request)
        servable = find(engine, ref)
        return tfs.encode_metadata(servable.model, servable.manifest.signatures)

    async def get_model_status(request: bytes, call: Call) -> bytes:
        message = parse(pb.GetModelStatusRequest, request)
        response = await statuses(engine, asked, tfs.decode_model_spec(message))
        return response.SerializeToString()

    return {
        tfs.PREDICT: Unary(predict, runs_model=True),
        tfs.GET_MODEL_METADATA: Unary(get_model_metadata),
        tfs.GET_MODEL_STATUS: Unary(get_model_status),
        **inference_methods(engine),
    }


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
