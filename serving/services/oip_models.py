"""What Open Inference says of models and does with them, over gRPC and over HTTP alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from importlib.metadata import version

from model_store.errors import DeadlineExceeded, InvalidRequest, ServableNotFound, TensorMismatch
from model_store.spec import DEFAULT_SIGNATURE, Signature
from serving.api import oip_documents as documents
from serving.api.calls import Answer, ModelRef, Prediction
from serving.api.oip_documents import PLATFORMS, Batching, Document
from serving.api.oip_mismatch import explain_mismatch
from serving.api.oip_requests import InferOptions, classify
from serving.engine.engine import Engine, Missing, State, require
from serving.engine.servable import Servable
from serving.services.methods import Call
from serving.services.oip_regions import Sharing

_EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "statistics",
)


def find(engine: Engine, ref: ModelRef) -> Servable:
    """The servable, or the failure in Triton's words.

    Raises:
        InvalidRequest: The request names no model.
        ServableNotFound: There is none.
        ServableNotReady: There may be one, when the server has started.
    """
    found = engine.find(ref)
    if found is Missing.YET or not isinstance(found, Missing):
        return require(found, ref)
    if not ref.name:
        raise InvalidRequest("the request names no model; set model_name")
    if found is Missing.VERSION:
        raise ServableNotFound(
            f"Request for unknown model: '{ref.name}' version {ref.version} is not found"
        )
    if engine.statuses(ref.name):
        raise ServableNotFound(f"Request for unknown model: '{ref.name}' has no available versions")
    raise ServableNotFound(f"Request for unknown model: '{ref.name}' is not found")


def signature_of(servable: Servable) -> Signature:
    """The signature that is called: the protocol knows one way to call a model."""
    return servable.manifest.signatures[_usual(servable)]


def _usual(servable: Servable) -> str:
    signatures = servable.manifest.signatures
    return DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in signatures else min(signatures)


async def infer(
    engine: Engine, servable: Servable, prediction: Prediction, options: InferOptions, call: Call
) -> Answer:
    """Run a prediction as its options say; notes the answer in *call*.

    Raises:
        TensorMismatch: Inputs or wanted outputs are not the signature's, in Triton's words.
        DeadlineExceeded: The answer was not there in time.
        EaselError: Whatever else the engine raises.
    """
    name = _usual(servable)
    if name != prediction.signature:
        prediction = replace(prediction, signature=name)
    try:
        if options.timeout_s is None:
            answer = await engine.infer(servable, prediction, call.deadline)
        else:
            answer = await _infer_in_time(engine, servable, prediction, options.timeout_s, call)
    except TensorMismatch as error:
        signature = signature_of(servable)
        raise TensorMismatch(explain_mismatch(signature, prediction) or str(error)) from error
    call.answer = answer
    return _classified(answer, servable, options) if options.classes else answer


async def _infer_in_time(
    engine: Engine, servable: Servable, prediction: Prediction, timeout_s: float, call: Call
) -> Answer:
    deadline = asyncio.get_running_loop().time() + timeout_s
    if call.deadline is not None:
        deadline = min(deadline, call.deadline)
    # A task of its own: whoever calls this may be none.
    running = asyncio.ensure_future(engine.infer(servable, prediction, deadline))
    try:
        await asyncio.wait([running], timeout=timeout_s)
    finally:
        running.cancel()
    if running.done():
        return running.result()
    raise DeadlineExceeded("the answer was not there within the request's timeout")


def _classified(answer: Answer, servable: Servable, options: InferOptions) -> Answer:
    signature = signature_of(servable)
    outputs = {
        name: classify(
            tensor, options.classes[name], servable.labels, is_batched=signature.is_batched
        )
        if name in options.classes
        else tensor
        for name, tensor in answer.outputs.items()
    }
    return replace(answer, outputs=outputs)


def server_metadata(sharing: Sharing) -> Document:
    """Who answers here, and what it can do beyond the protocol's core."""
    shared = ["system_shared_memory"] if sharing.regions.is_open else []
    return {
        "name": "easel",
        "version": version("easel"),
        "extensions": [*_EXTENSIONS, *shared],
    }


def model_metadata(engine: Engine, ref: ModelRef) -> Document:
    """A model's tensors, and its versions that can be called.

    Raises:
        EaselError: As ``find`` does.
    """
    servable = find(engine, ref)
    versions = [
        status.model.number
        for status in engine.statuses(ref.name)
        if status.state is State.AVAILABLE
    ]
    platform = PLATFORMS[servable.manifest.format]
    return documents.metadata(ref.name, versions, signature_of(servable), platform)


def model_config(engine: Engine, ref: ModelRef) -> Document:
    """A model's configuration, as Triton would have it.

    Raises:
        EaselError: As ``find`` does.
    """
    servable = find(engine, ref)
    limits = servable.batchers[_usual(servable)].limits
    return documents.config(
        servable.model,
        signature_of(servable),
        PLATFORMS[servable.manifest.format],
        Batching(
            limits.max_rows,
            limits.allowed_rows,
            round(limits.timeout_s * 1e6),
            limits.max_waiting_rows,
        ),
        has_labels=bool(servable.labels),
    )
