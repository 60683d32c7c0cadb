"""Keras configs: JSON in which objects name the classes and functions to revive them with.

Keras 3, Keras 2 and its legacy format differ in which keys an object has; whatever looks
like an object, at any depth, is judged here.  Refused is what runs code of the file's
author, and what would make Keras import or open something that is not Keras.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from export.inspect.finding import Finding, reads_outside, runs_code
from export.inspect.keras_names import CLASSES, MARKERS, RUNNING
from export.inspect.tensorflow_ops import harm_of

_MAX_OBJECTS = 5_000_000
# Packages of Keras that hold parts of models; its utilities can open files and fetch URLs.
_MODULE = re.compile(
    r"(tensorflow\.(python\.)?|tf_)?keras(\.src|\.engine|\.legacy|\.api|\._tf_keras|\.keras)*"
    r"(\.(layers|models|engine|initializers|regularizers|constraints|optimizers|losses|metrics"
    r"|activations|dtype_policies|quantizers|random|ops|nn|mixed_precision|feature_column)"
    r"(\.\w+)*)?"
)
_OPERATIONS = re.compile(r"keras(\.src)?\.ops(\.\w+)*")
_BUILTIN_TYPES = frozenset(
    {"function", "list", "tuple", "dict", "str", "int", "float", "bool", "slice"}
)
_BUILTIN_FUNCTIONS = frozenset({"abs", "sum", "max", "min", "round", "pow"})
# Parts of TensorFlow's API that compute; a layer made of one function may name any of it.
_SYMBOLS = re.compile(
    r"(compat\.v1\.)?(__operators__|math|nn|linalg|image|signal|random|strings|bitwise|sparse"
    r"|ragged|keras\.backend|quantization|dtypes|sets)\.\w+|(compat\.v1\.)?\w+|io\.decode_\w+"
)
_NO_SYMBOLS = re.compile(
    r"py_function|numpy_function|py_func|load_\w+|function|print|Print|open|eval"
)
_LOOKUPS = frozenset({"StringLookup", "IntegerLookup", "IndexLookup", "TextVectorization"})
# Read only to go on training; the sources load without them.
_TRAINING = frozenset({"compile_config", "training_config"})


def inspect_config(config: Any) -> Iterator[Finding]:
    """A whole config, as ``json.loads`` gave it.

    Raises:
        ValueError: It has more objects than any model.
    """
    if isinstance(config, dict):
        config = {key: value for key, value in config.items() if key not in _TRAINING}
    waiting: list[Any] = [config]
    seen = 0
    while waiting:
        value = waiting.pop()
        seen += 1
        if seen > _MAX_OBJECTS:
            raise ValueError("the config has too many parts")
        if isinstance(value, dict):
            yield from _inspect_object(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _inspect_object(value: Mapping[str, Any]) -> Iterator[Finding]:
    name = value.get("class_name")
    if not isinstance(name, str):
        return
    config = value.get("config")
    where = _where(name, config, value)
    if name in RUNNING:
        yield runs_code(where, RUNNING[name], "rebuild the layer from Keras' own operations")
        return
    module = value.get("module")
    if module is not None and not _is_known_module(module, name, config):
        named = config if name == "function" else name
        yield runs_code(
            where, f"names {named!r} of {module!r}, which is not a part of Keras' models"
        )
    elif not _is_known_class(name, module) or _is_registered_elsewhere(value):
        yield runs_code(
            where,
            "is no class of Keras, so its author's own code would be needed",
            "save the model with Keras' own layers",
        )
    if isinstance(config, dict):
        yield from _inspect_settings(where, name, config)


def _where(name: str, config: Any, value: Mapping[str, Any]) -> str:
    own = config.get("name") if isinstance(config, dict) else None
    own = own if isinstance(own, str) else value.get("name")
    return f"layer {own!r} ({name})" if isinstance(own, str) else f"object of class {name!r}"


def _is_known_module(module: Any, name: str, config: Any) -> bool:
    if not isinstance(module, str):
        return False
    if module == "builtins":
        is_dangerous = (
            isinstance(config, str)
            and hasattr(builtins, config)
            and config not in _BUILTIN_FUNCTIONS
        )
        return name in _BUILTIN_TYPES and not is_dangerous
    return _MODULE.fullmatch(module) is not None


def _is_known_class(name: str, module: Any) -> bool:
    if name in CLASSES or name in MARKERS or (name == "function" and module is not None):
        return True
    # The same class under its name in an older Keras.
    if name.endswith(("V1", "V2")) and name[:-2] in CLASSES:
        return True
    if name == "__typespec__":
        return True
    return isinstance(module, str) and _OPERATIONS.fullmatch(module) is not None


def _is_registered_elsewhere(value: Mapping[str, Any]) -> bool:
    registered = value.get("registered_name")
    if not isinstance(registered, str) or ">" not in registered:
        return False
    return registered.split(">")[0].lower() not in {"keras", "builtins"}


def _inspect_settings(where: str, name: str, config: Mapping[str, Any]) -> Iterator[Finding]:
    """What known layers are told to open or to call."""
    vocabulary = config.get("vocabulary")
    if name in _LOOKUPS and isinstance(vocabulary, str) and vocabulary:
        yield reads_outside(
            where, f"opens the file {vocabulary!r}", "save the model with the vocabulary itself"
        )
    if name in {"TFOpLambda", "SlicingOpLambda"}:
        symbol = config.get("function")
        if not isinstance(symbol, str) or not _is_computing(symbol):
            yield runs_code(where, f"calls tf.{symbol}", "rebuild it from Keras' own layers")
    if name == "TensorFlowOpLayer":
        operation = _operation(config.get("node_def"))
        harm = harm_of(operation) if operation else "cannot be read"
        if harm:
            yield runs_code(where, f"its operation {operation or ''} {harm}")


def _is_computing(symbol: str) -> bool:
    last = symbol.removeprefix("compat.v1.")
    return _SYMBOLS.fullmatch(symbol) is not None and not _NO_SYMBOLS.fullmatch(last)


def _operation(node: Any) -> str:
    """The operation of a layer that holds one node of a graph."""
    if isinstance(node, str):
        try:
            node = json.loads(node)
        except (ValueError, RecursionError):
            return ""
    operation = node.get("op") if isinstance(node, dict) else None
    return operation if isinstance(operation, str) else ""
