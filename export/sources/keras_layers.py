"""Looking inside a Keras model while it runs: what each of its layers gives."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from export.sources.tf_signatures import to_array
from export.tensors import Tensors

Seen = list[tuple[str, Tensors]]


@contextlib.contextmanager
def watch_layers(model: Any) -> Iterator[Seen]:
    """Every call of a layer within the block, in order, by ``model/layer``.

    A layer that is called again is ``layer#2``.  The model must run eagerly: what is traced
    has no numbers.
    """
    seen: Seen = []
    watched = list(layers_of(model))
    for name, layer in watched:
        layer.call = _recording(name, layer.call, seen)
    try:
        yield seen
    finally:
        for _, layer in watched:
            del layer.call  # the class's own is found again


def layers_of(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All layers, those of models inside under the models' names and before them."""
    for layer in _parts(model):
        name = f"{prefix}{layer.name}"
        if hasattr(layer, "layers") and hasattr(layer, "predict"):
            yield from layers_of(layer, f"{name}/")
        if type(layer).__name__ != "InputLayer":
            yield name, layer


def _parts(model: Any) -> list[Any]:
    """Keras 3 keeps operations such as ``a + b`` apart from the layers."""
    core = getattr(model, "_functional", None) or model
    parts = getattr(core, "operations", None) or core.layers
    return list({id(part): part for part in parts}.values())


def _recording(name: str, call: Callable[..., Any], seen: Seen) -> Callable[..., Any]:
    calls = 0

    @functools.wraps(call)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        outputs = call(*args, **kwargs)
        calls += 1
        title = name if calls == 1 else f"{name}#{calls}"
        flat = [output for output in tf.nest.flatten(outputs) if tf.is_tensor(output)]
        seen.append((title, {f"{title}:{at}": to_array(each) for at, each in enumerate(flat)}))
        return outputs

    return recorded
