"""What is wrong with a graph, as data: the node, why, and what its author can do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from model_store.errors import ExportRefused

SAVED_MODEL = "export it with --to saved_model, which keeps TensorFlow's own operations"

_IN_NODE = re.compile(r'In Node, \("(?P<node>[^"]*)", (?P<operation>\w+), "(?P<domain>[^"]*)"')
_UNREGISTERED = re.compile(r"No Op registered|not a registered function|No opset import for domain")
_NO_KERNEL = re.compile(
    r"implementation for (?P<operation>\w+)\(\d+\) node with name '(?P<node>[^']*)'"
)
_WHILE_RUNNING = re.compile(r"while running (?P<operation>\w+) node\. Name:'(?P<node>[^']*)'")
_TOO_NEW = re.compile(r"Unsupported model IR version|official support for domain")
_CODE_PLACE = re.compile(
    r"^\[ONNXRuntimeError\] : \d+ : \w+ : |\S*/onnxruntime\S* .*?\) ", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that makes a graph unfit to serve, valid or not.

    Attributes:
        text: What is wrong, and where, in one clause.
        remedy: What to do, in the imperative.
        node: The node's name; empty if it is not about one.
        operation: Its kind; likewise.
        is_beyond_onnx: Whether ONNX cannot say it, so that only another target can.
    """

    text: str
    remedy: str
    node: str = ""
    operation: str = ""
    is_beyond_onnx: bool = False

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}"


def refuse(problems: Sequence[Problem], *, has_saved_model: bool = True) -> None:
    """Raise if there are problems; each is told once, with its remedy.

    Args:
        problems: What was found.
        has_saved_model: Whether the source could become a SavedModel instead.

    Raises:
        ExportRefused: There are some.
    """
    if not problems:
        return
    told = list(dict.fromkeys(str(problem) for problem in problems))
    if has_saved_model and any(problem.is_beyond_onnx for problem in problems):
        told.append(f"or {SAVED_MODEL}")
    lines = "".join(f"\n  - {line}" for line in told)
    raise ExportRefused(f"the converted graph cannot be served:{lines}")


def of_loading(error: Exception) -> Problem:
    """Why ONNX Runtime did not load a graph."""
    text = _brief(error)
    if match := _NO_KERNEL.search(text):
        operation, node = match["operation"], match["node"]
        return Problem(
            f"ONNX Runtime does not compute {_where(operation, node)} for this dtype",
            "convert the model in float32",
            node,
            operation,
            is_beyond_onnx=True,
        )
    if _TOO_NEW.search(text):
        return Problem(
            f"the file is of a newer kind than ONNX Runtime reads: {text}",
            "write it with an opset of 22 or less and an IR version of 10 or less",
        )
    match = _IN_NODE.search(text)
    if match and _UNREGISTERED.search(text):
        return unknown_operation(match["operation"], match["node"], match["domain"])
    node, operation = (match["node"], match["operation"]) if match else ("", "")
    return Problem(
        f"ONNX Runtime does not load it: {text}",
        "convert the model again with another opset, or report this graph",
        node,
        operation,
    )


def of_running(error: Exception, rows: int | None) -> Problem:
    """Why a run failed, with *rows* in the batch if the graph has one."""
    text = _brief(error)
    match = _WHILE_RUNNING.search(text)
    node, operation = (match["node"], match["operation"]) if match else ("", "")
    where = f"{_where(operation, node)}: " if operation else ""
    batch = "" if rows is None else f" with {rows} row{'s' * (rows != 1)}"
    remedy = (
        "convert the model again with an example that fits its inputs"
        if rows in (None, 1)
        else "convert the model again with a free batch axis (PyTorch: an example of at least 2 "
        "rows and dynamic_shapes; Keras: Input without batch_size)"
    )
    return Problem(f"it fails{batch}: {where}{text}", remedy, node, operation)


def unknown_operation(operation: str, node: str, domain: str = "") -> Problem:
    """An operation that was left as it was called in the source."""
    owner = f" of {domain}" if domain else ""
    return Problem(
        f"ONNX has no operation for {_where(operation + owner, node)}",
        f"build the model without {operation}",
        node,
        operation,
        is_beyond_onnx=True,
    )


def _where(operation: str, node: str) -> str:
    return f"{operation} (node {node})" if node else operation


def _brief(error: Exception) -> str:
    """One line without the places in ONNX Runtime's own code."""
    return _CODE_PLACE.sub("", " ".join(str(error).split()))[:500]
