"""What of a request does not fit the model, in Triton's words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from model_store.spec import Signature
from serving.api.calls import Prediction, dtype_name
from serving.api.oip_documents import wire_shape
from serving.api.oip_tensors import DATATYPES


def explain_mismatch(signature: Signature, prediction: Prediction) -> str:
    """Say in Triton's words what does not fit the signature, or nothing when all does."""
    model, inputs = prediction.model.name, prediction.inputs
    specs = {spec.name: spec for spec in signature.inputs}
    for name in inputs:
        if name not in specs:
            return f"unexpected inference input '{name}' for model '{model}'"
    if len(inputs) != len(specs):
        missing = [name for name in specs if name not in inputs]
        return (
            f"expected {len(specs)} inputs but got {len(inputs)} inputs for model '{model}'. "
            f"Got input(s) {_names_text(inputs)}, but missing required input(s) "
            f"{_names_text(missing)}. Please provide all required input(s)."
        )
    for name, tensor in inputs.items():
        spec, got = specs[name], DATATYPES[dtype_name(tensor)]
        if got != DATATYPES[spec.dtype]:
            return (
                f"inference input '{name}' data-type is '{got}', "
                f"but model '{model}' expects '{DATATYPES[spec.dtype]}'"
            )
        if not spec.fits(tensor.shape):
            return (
                f"unexpected shape for input '{name}' for model '{model}'. "
                f"Expected {_shape_text(wire_shape(spec))}, got {_shape_text(tensor.shape)}"
            )
    rows = {name: tensor.shape[0] for name, tensor in inputs.items() if signature.is_batched}
    odd = [name for name, count in rows.items() if count != [*rows.values()][-1]]
    if odd:
        return f"input '{odd[0]}' batch size does not match other inputs for '{model}'"
    known = {spec.name for spec in signature.outputs}
    strange = [name for name in prediction.outputs if name not in known]
    return f"unexpected inference output '{strange[0]}' for model '{model}'" if strange else ""


def _names_text(names: Iterable[str]) -> str:
    return "[" + ",".join(f"'{name}'" for name in names) + "]"


def _shape_text(shape: Sequence[int]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"
