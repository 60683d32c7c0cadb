"""The handler inside a TorchServe archive: JSON tensors in, JSON tensors out.

TorchServe runs this file in its own environment, so it imports nothing of Easel's; beside
it in the archive are the program and ``easel.json``, which says what the program takes.
Two forms of request are understood, and each is answered in its own:

    {"inputs": {"image": [[...]]}}                        -> {"outputs": {"scores": [[...]]}}
    {"inputs": [{"name", "shape", "datatype", "data"}]}   -> the same of Open Inference

A request that is wrong is answered with 400 and what is wrong with it, and fails alone.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.utils._pytree as pytree
from numpy.typing import NDArray

CONTRACT_FILE = "easel.json"

Tensors = Mapping[str, NDArray[Any]]

_DATATYPES = {
    "BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64",
    "INT8": "int8", "INT16": "int16", "INT32": "int32", "INT64": "int64",
    "FP16": "float16", "FP32": "float32", "FP64": "float64",
}  # fmt: skip
_DATATYPE_OF = {name: datatype for datatype, name in _DATATYPES.items()}


class BadRequest(Exception):
    """What the caller sent can never be answered; the message is for the caller."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A program, ready to be called.

    Attributes:
        contract: What ``easel.json`` says.
        call: From the program's own inputs, by name, to its outputs in order.
    """

    contract: Mapping[str, Any]
    call: Callable[[Mapping[str, torch.Tensor]], Sequence[torch.Tensor]]


@dataclass(frozen=True, slots=True)
class Request:
    """One caller's tensors, and whether they came in Open Inference's form."""

    tensors: Tensors
    is_open_inference: bool
    id: str = ""


_loaded: dict[str, Loaded] = {}


def handle(data: Sequence[Mapping[str, Any]] | None, context: Any) -> list[bytes] | None:
    """Answer a batch of requests; TorchServe calls it without data once, to load."""
    folder = str(context.system_properties["model_dir"])
    if folder not in _loaded:
        _loaded[folder] = load(Path(folder))
    if not data:
        return None
    loaded = _loaded[folder]
    answers: list[bytes | BadRequest] = [b""] * len(data)
    requests: dict[int, Request] = {}
    for index, body in enumerate(data):
        try:
            requests[index] = read(body, loaded.contract)
        except BadRequest as error:
            answers[index] = error
    for company in _companies(requests, loaded.contract):
        for index, answer in _answer(loaded, company).items():
            answers[index] = answer
    return [_told(context, index, answer) for index, answer in enumerate(answers)]


def load(folder: Path) -> Loaded:
    """Load the program of an archive that TorchServe has unpacked."""
    contract = json.loads((folder / CONTRACT_FILE).read_text("utf-8"))
    # A program is numbers and operations: nothing in it may be unpickled into code.
    os.environ.setdefault("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    path = folder / contract["program"]
    if path.suffix == ".pt2":
        return Loaded(contract, _program(torch.export.load(path)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.load(path, map_location="cpu").eval()
    names = [spec["name"] for spec in contract["source_inputs"]]
    return Loaded(
        contract,
        lambda tensors: pytree.tree_leaves(script(*(tensors[name] for name in names))),
    )


def _program(program: Any) -> Callable[[Mapping[str, torch.Tensor]], Sequence[torch.Tensor]]:
    module, order = program.module(), program.graph_signature.user_inputs

    def call(tensors: Mapping[str, torch.Tensor]) -> Sequence[torch.Tensor]:
        # What was fixed when the program was exported stands in the order as it is.
        leaves = [tensors[at] if isinstance(at, str) and at in tensors else at for at in order]
        arguments, named = pytree.tree_unflatten(leaves, program.call_spec.in_spec)
        outputs: list[torch.Tensor] = pytree.tree_leaves(module(*arguments, **named))
        return outputs

    return call


def read(body: Mapping[str, Any], contract: Mapping[str, Any]) -> Request:
    """One request's tensors.

    Raises:
        BadRequest: It is not JSON, or not the tensors that the program takes.
    """
    content = body.get("body", body.get("data"))
    if isinstance(content, bytes | bytearray | str):
        try:
            content = json.loads(content)
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
    inputs = content.get("inputs") if isinstance(content, dict) else None
    if not isinstance(inputs, dict | list):
        raise BadRequest('the body has to be {"inputs": {NAME: rows}}')
    given = inputs if isinstance(inputs, dict) else _open_inference(inputs)
    specs = contract["inputs"]
    if strange := sorted(set(given) - {spec["name"] for spec in specs}):
        names = ", ".join(spec["name"] for spec in specs)
        raise BadRequest(f"there is no input {', '.join(strange)}; the inputs are {names}")
    tensors = {spec["name"]: _tensor(given.get(spec["name"]), spec) for spec in specs}
    return Request(tensors, isinstance(inputs, list), str(content.get("id", "")))


def _open_inference(inputs: list[Any]) -> dict[str, Any]:
    try:
        return {
            each["name"]: np.asarray(each["data"], _DATATYPES[each["datatype"]]).reshape(
                each["shape"]
            )
            for each in inputs
        }
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadRequest(f"an input is not {{name, shape, datatype, data}}: {error}") from error


def _tensor(value: Any, spec: Mapping[str, Any]) -> NDArray[Any]:
    if value is None:
        raise BadRequest(f"input {spec['name']} is missing")
    try:
        array = np.asarray(value)
        with np.errstate(invalid="ignore"):  # NaN among pixels: found below
            tensor = array.astype(spec["dtype"])
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRequest(
            f"input {spec['name']} is no tensor of {spec['dtype']}: {error}"
        ) from error
    if tensor.dtype.kind in "ui" and not np.array_equal(tensor, array):
        raise BadRequest(f"input {spec['name']} has numbers that {spec['dtype']} cannot hold")
    fits = len(tensor.shape) == len(spec["shape"]) and all(
        want is None or want == got for want, got in zip(spec["shape"], tensor.shape, strict=True)
    )
    if not fits:
        shown = ["N" if size is None else size for size in spec["shape"]]
        raise BadRequest(f"input {spec['name']} is {list(tensor.shape)}; it has to be {shown}")
    return tensor


def _companies(
    requests: Mapping[int, Request], contract: Mapping[str, Any]
) -> list[dict[int, Request]]:
    """Requests that may share a run: their rows agree in shape, and rows do not see each other."""
    groups: dict[Any, dict[int, Request]] = {}
    for index, request in requests.items():
        tails = tuple(tensor.shape[1:] for tensor in request.tensors.values())
        rows = {len(tensor) for tensor in request.tensors.values() if tensor.ndim}
        may_join = contract["may_join"] and len(rows) == 1
        groups.setdefault(tails if may_join else index, {})[index] = request
    return list(groups.values())


def _answer(loaded: Loaded, company: Mapping[int, Request]) -> dict[int, bytes | BadRequest]:
    """Run what belongs together at once; what fails together, one by one."""
    try:
        outputs = run(loaded, _joined([request.tensors for request in company.values()]))
    except Exception as error:  # PyTorch raises whatever its operations raise
        if len(company) == 1:
            return {index: BadRequest(f"the model fails: {error}") for index in company}
        alone = [_answer(loaded, {index: request}) for index, request in company.items()]
        return {index: answer for each in alone for index, answer in each.items()}
    answers: dict[int, bytes | BadRequest] = {}
    at = 0
    for index, request in company.items():
        rows = len(next(iter(request.tensors.values()))) if len(company) > 1 else None
        mine = outputs
        if rows is not None:
            mine = {name: output[at : at + rows] for name, output in outputs.items()}
            at += rows
        answers[index] = _written(mine, request, loaded.contract)
    return answers


def _joined(requests: Sequence[Tensors]) -> Tensors:
    if len(requests) == 1:
        return requests[0]
    return {name: np.concatenate([each[name] for each in requests]) for name in requests[0]}


def run(loaded: Loaded, tensors: Tensors) -> Tensors:
    """From the wire's tensors to the outputs, by name."""
    given = dict(tensors)
    if loaded.contract["prelude"]:
        prelude = loaded.contract["prelude"]
        given[prelude["input"]] = scaled(given.pop(prelude["tensor"]), loaded.contract)
    with torch.inference_mode():
        leaves = loaded.call({name: torch.from_numpy(array) for name, array in given.items()})
    names = [spec["name"] for spec in loaded.contract["outputs"]]
    return {name: leaf.cpu().numpy() for name, leaf in zip(names, leaves, strict=True)}


def scaled(pixels: NDArray[Any], contract: Mapping[str, Any]) -> NDArray[Any]:
    """``uint8[N, height, width, channels]`` to the program's own input.

    ``float32(pixel) * scale + offset`` in each channel, then its order of axes.
    """
    prelude = contract["prelude"]
    spec = next(each for each in contract["source_inputs"] if each["name"] == prelude["input"])
    tensor = pixels
    if np.dtype(spec["dtype"]).kind == "f":
        scale, offset = (np.asarray(prelude[key], np.float32) for key in ("scale", "offset"))
        tensor = tensor.astype(np.float32)
        tensor = tensor * scale if (scale != 1).any() else tensor
        tensor = tensor + offset if (offset != 0).any() else tensor
    if prelude["is_channels_first"]:
        tensor = tensor.transpose(0, 3, 1, 2)
    own = spec["shape"][1:]
    if len(own) in (1, 2):  # flat, or grey without an axis for the channel
        tensor = tensor.reshape(len(tensor), *([-1] if len(own) == 1 else pixels.shape[1:3]))
    return np.ascontiguousarray(tensor, spec["dtype"])


def _written(outputs: Tensors, request: Request, contract: Mapping[str, Any]) -> bytes:
    if not request.is_open_inference:
        listed = {name: output.tolist() for name, output in outputs.items()}
        return json.dumps({"outputs": listed}).encode()
    answer = {
        "model_name": contract["model"],
        "model_version": str(contract["version"]),
        "outputs": [
            {
                "name": name, "shape": list(output.shape),
                "datatype": _DATATYPE_OF[str(output.dtype)], "data": output.ravel().tolist(),
            }
            for name, output in outputs.items()
        ],
    }  # fmt: skip
    return json.dumps(answer | ({"id": request.id} if request.id else {})).encode()


def _told(context: Any, index: int, answer: bytes | BadRequest) -> bytes:
    context.set_response_content_type(index, "application/json")
    if isinstance(answer, bytes):
        return answer
    context.set_response_status(code=400, phrase="Bad Request", idx=index)
    return json.dumps({"error": str(answer)}).encode()
