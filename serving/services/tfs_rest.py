"""TF Serving's REST API over the engine: its three methods, status and metadata."""

from __future__ import annotations

import asyncio
import re
from functools import partial

from model_store.errors import InvalidRequest
from model_store.spec import DEFAULT_SIGNATURE, Signature
from serving.api import tfs_json, tfs_json_status, tfs_json_text, tfs_results
from serving.api.calls import ModelRef, Prediction
from serving.api.tfs_examples import ExampleCall, decode_examples
from serving.api.tfs_json_examples import read_example_list
from serving.crew.crew import Alone, Crew
from serving.engine.engine import Engine
from serving.engine.servable import Servable
from serving.services.http import HttpApi, HttpRequest, HttpResponse
from serving.services.methods import Call
from serving.services.tfs_inference import classify, regress
from serving.services.tfs_lookup import find, statuses

_TARGET = r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(_TARGET + r":(?P<method>classify|regress|predict)", re.IGNORECASE | re.ASCII)
_GET = re.compile(_TARGET + r"(?P<metadata>/metadata)?", re.IGNORECASE | re.ASCII)
_NO_MODEL = re.compile(r"/v1/models(?:/metadata)?", re.IGNORECASE)
_MAX_VERSION = 2**63
# From here on others would notice if the event loop itself read the numbers.
_LONG_BODY = 1 << 20


def tfs_http_api(engine: Engine, crew: Crew | None = None) -> HttpApi:
    """Everything under ``/v1/``; *crew* answers for the models' state."""
    asked = crew or Alone(engine)

    async def answer(request: HttpRequest, call: Call) -> HttpResponse:
        pattern = {"POST": _POST, "GET": _GET}.get(request.method)
        match = pattern.fullmatch(request.path) if pattern else None
        if match is None:
            raise _malformed(request)
        call.asked = ref = _read_ref(match)
        if request.method == "GET":
            if match["metadata"]:
                return HttpResponse(_metadata(engine, ref))
            return HttpResponse(tfs_json_status.encode_statuses(await statuses(engine, asked, ref)))
        run = _RUN[match["method"].lower()]
        return HttpResponse(await run(engine, ref, request.body, call))

    return answer


def runs_model(path: str) -> bool:
    """Whether a POST to *path* runs a model."""
    return _POST.fullmatch(path) is not None


def _malformed(request: HttpRequest) -> InvalidRequest:
    if request.method == "GET" and _NO_MODEL.fullmatch(request.path):
        return InvalidRequest("Missing model name in request.")
    return InvalidRequest(f"Malformed request: {request.method} {request.path}")


def _read_ref(match: re.Match[str]) -> ModelRef:
    digits = match["version"]
    # Python itself refuses to read thousands of digits.
    if digits is not None and (len(digits) > 30 or int(digits) >= _MAX_VERSION):
        raise InvalidRequest(f"Failed to convert version: {digits} to numeric.")
    return ModelRef(match["name"], None if digits is None else int(digits), match["label"])


def _metadata(engine: Engine, ref: ModelRef) -> bytes:
    servable = find(engine, ref)
    return tfs_json_status.encode_metadata(servable.model, servable.manifest.signatures)


async def _predict(engine: Engine, ref: ModelRef, body: bytes, call: Call) -> bytes:
    def signature(name: str) -> Signature:
        return _signature(find(engine, ref), name)

    # A body that cannot be read is told so before a model that is not there.
    decode = partial(tfs_json.decode_predict, body, signature)
    given = decode() if len(body) < _LONG_BODY else await asyncio.to_thread(decode)
    if given.is_by_row and not given.rows:  # there is nothing to run, nor a shape to run it in
        return tfs_json_text.NO_ROWS
    prediction = Prediction(ref, given.tensors, signature=given.signature)
    call.answer = answer = await engine.infer(find(engine, ref), prediction, call.deadline)
    encode = tfs_json_text.encode_rows if given.is_by_row else tfs_json_text.encode_columns
    return encode(answer.outputs)


async def _classify(engine: Engine, ref: ModelRef, body: bytes, call: Call) -> bytes:
    _, result = await classify(engine, _read_examples(ref, body), call)
    return tfs_results.encode_classification(result)


async def _regress(engine: Engine, ref: ModelRef, body: bytes, call: Call) -> bytes:
    _, result = await regress(engine, _read_examples(ref, body), call)
    return tfs_results.encode_regression(result)


_RUN = {"predict": _predict, "classify": _classify, "regress": _regress}


def _read_examples(ref: ModelRef, body: bytes) -> ExampleCall:
    document = tfs_json.parse_object(body)
    name = tfs_json.signature_name(document) or DEFAULT_SIGNATURE
    return ExampleCall(ref, name, decode_examples(read_example_list(document)))


def _signature(servable: Servable, name: str) -> Signature:
    signature = servable.manifest.signatures.get(name)
    if signature is None:
        raise InvalidRequest(f'Serving signature name: "{name}" not found in signature def')
    if not signature.inputs:
        raise InvalidRequest(f"Failed to get input map for signature: {name}")
    return signature
