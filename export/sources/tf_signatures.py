"""The signatures of a SavedModel: reading them, calling them, and writing one around them.

Everything that TensorFlow can load becomes such functions first; the road to ONNX begins at
a SavedModel too, because only its writer turns captured constants into constants.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from export.sources.source import Prelude
from export.tensors import Tensors
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to call a model: tensors by name in, tensors by name out.

    Attributes:
        signature: What it takes and gives.
        call: The function itself, on TensorFlow's tensors.
    """

    signature: Signature
    call: Callable[[Mapping[str, Any]], Mapping[str, Any]]


def dtype_name(dtype: Any) -> str:
    """Numpy's name for a TensorFlow dtype, or ``bytes``.

    Raises:
        ExportRefused: No tensor that can be sent has this dtype.
    """
    dtype = tf.as_dtype(dtype)
    if dtype == tf.string:
        return "bytes"
    if dtype in (tf.resource, tf.variant) or dtype.is_quantized:
        raise ExportRefused(f"a tensor of type {dtype.name} cannot be sent to a model server")
    return str(np.dtype(dtype.as_numpy_dtype))


def to_tf_dtype(name: str) -> Any:
    """TensorFlow's dtype for numpy's name."""
    return tf.string if name == "bytes" else tf.as_dtype(name)


def to_spec(name: str, tensor: Any) -> TensorSpec:
    """What TensorFlow says of a tensor, under *name*."""
    shape = tensor.shape
    axes = None if shape.rank is None else tuple(shape.as_list())
    return TensorSpec(name, dtype_name(tensor.dtype), axes)


def signature_of(function: Any) -> Signature:
    """What a loaded signature takes and gives, in name order."""
    _, inputs = function.structured_input_signature
    outputs = function.structured_outputs
    return Signature(
        tuple(to_spec(name, inputs[name]) for name in sorted(inputs)),
        tuple(to_spec(name, outputs[name]) for name in sorted(outputs)),
    )


def endpoint_of(function: Any) -> Endpoint:
    """A loaded signature as an endpoint."""
    return Endpoint(signature_of(function), lambda tensors: function(**tensors))


def run(endpoint: Endpoint, inputs: Tensors) -> Tensors:
    """Call an endpoint on numpy arrays; strings are arrays of bytes both ways."""
    tensors = {spec.name: to_tensor(inputs[spec.name], spec) for spec in endpoint.signature.inputs}
    outputs = endpoint.call(tensors)
    return {name: to_array(output) for name, output in outputs.items()}


def to_tensor(array: Any, spec: TensorSpec) -> Any:
    """A numpy array as TensorFlow's tensor."""
    return tf.constant(array, to_tf_dtype(spec.dtype))


def to_array(tensor: Any) -> Any:
    """A TensorFlow tensor as numpy's; strings as an ``S`` array."""
    array = np.asarray(tensor)
    return array.astype(np.bytes_) if array.dtype == object else array


def save(
    folder: Path,
    endpoints: Mapping[str, Endpoint],
    tracked: Mapping[str, Any],
    preludes: Mapping[str, Prelude],
) -> None:
    """Write a SavedModel with a signature for each endpoint.

    Args:
        folder: Where; it may exist.
        endpoints: By signature name.
        tracked: What holds the endpoints' variables and tables, by any attribute name.
        preludes: By signature name: what stands before one of its inputs.

    Raises:
        ExportRefused: TensorFlow cannot write it.
    """
    module = tf.Module()
    for name, value in tracked.items():
        setattr(module, name, value)
    try:
        signatures = {
            name: _traced(endpoint, preludes.get(name)) for name, endpoint in endpoints.items()
        }
        module.endpoints_ = list(signatures.values())
        tf.saved_model.save(module, str(folder), signatures=signatures)
    except ExportRefused:
        raise
    except Exception as error:  # TensorFlow has no error of its own
        raise ExportRefused(
            f"TensorFlow cannot write the model as a SavedModel: {error}"
        ) from error


def _traced(endpoint: Endpoint, prelude: Prelude | None) -> Any:
    specs = [_wire(spec, prelude) for spec in endpoint.signature.inputs]
    by_wire_name = [
        spec.name if prelude is None or spec.name != prelude.input else prelude.tensor
        for spec in endpoint.signature.inputs
    ]

    @tf.function(input_signature=specs)  # type: ignore[untyped-decorator]
    def serve(*tensors: Any) -> dict[str, Any]:
        wires = dict(zip(by_wire_name, tensors, strict=True))
        inputs = {
            spec.name: _scaled(wires[prelude.tensor], spec, prelude)
            if prelude is not None and spec.name == prelude.input
            else wires[spec.name]
            for spec in endpoint.signature.inputs
        }
        # A signature's output may not be its input itself.
        return {name: tf.identity(output) for name, output in endpoint.call(inputs).items()}

    return serve


def _wire(spec: TensorSpec, prelude: Prelude | None) -> Any:
    if prelude is None or spec.name != prelude.input:
        return tf.TensorSpec(spec.shape, to_tf_dtype(spec.dtype), name=spec.name)
    rows = spec.shape[0] if spec.shape else None
    shape = (rows, *prelude.size, len(prelude.scale))
    return tf.TensorSpec(shape, tf.uint8, name=prelude.tensor)


def _scaled(pixels: Any, spec: TensorSpec, prelude: Prelude) -> Any:
    """Wire pixels as the source's own input: in the order and with the bits of the ONNX graph's."""
    dtype = to_tf_dtype(spec.dtype)
    scale, offset = _constants(prelude.scale), _constants(prelude.offset)
    is_plain = set(prelude.scale) == {1.0} and set(prelude.offset) == {0.0}
    if not (dtype.is_floating or is_plain):
        raise ExportRefused(
            f"the model's input {spec} takes whole numbers, which scaling would cut off; "
            "leave out --scale and --offset"
        )
    tensor = pixels
    if dtype.is_floating:
        tensor = tf.cast(tensor, tf.float32)
        tensor = tensor * scale if set(prelude.scale) != {1.0} else tensor
        tensor = tensor + offset if set(prelude.offset) != {0.0} else tensor
    if prelude.is_channels_first:
        tensor = tf.transpose(tensor, (0, 3, 1, 2))
    tensor = tf.cast(tensor, dtype)
    if spec.shape is None or len(spec.shape) == 4:
        return tensor
    # A source may take the rows flat, or grey pictures without an axis for the channel.
    axes = (-1,) if len(spec.shape) == 2 else prelude.size
    return tf.reshape(tensor, (tf.shape(tensor)[0], *axes))


def _constants(values: tuple[float, ...]) -> Any:
    """A scalar where all channels are alike."""
    return np.asarray(values[0] if len(set(values)) == 1 else values, np.float32)


def clean_names(names: Iterable[str]) -> list[str]:
    """Names that TensorFlow keeps as they are: letters, digits and underscores, each once."""
    clean: list[str] = []
    for name in names:
        base = re.sub(r"[^A-Za-z0-9_]", "_", name) or "tensor"
        base = base if base[0].isalpha() else f"tensor_{base.lstrip('_')}"
        candidates = (base, *(f"{base}_{number}" for number in range(1, len(clean) + 2)))
        clean.append(next(name for name in candidates if name not in clean))
    return clean
