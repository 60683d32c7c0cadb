"""TorchScript's code: a small language of its own, in which few words reach outside.

It cannot import or open files but by operators: ``torch.save``, ``torch.from_file``,
custom operators and custom classes, remote calls.  Python operators cannot be saved, and
are refused where a file claims to have one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from export.inspect.finding import Finding, runs_code

_STRING = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'")
_COMMENT = re.compile(r"#[^\n]*")
_SPACE_AROUND_DOT = re.compile(r"[\s\\]*\.[\s\\]*")
_OUTSIDE = re.compile(
    r"\b(torch|aten|ops\.aten|prim|ops\.prim)\.(save|from_file|load|_save|PythonOp|rpc_\w+)\b"
    r"|\b(\^\w+|PythonOp|rpc_(async|sync|remote))\b|\^\w+\("
)
_OPERATOR = re.compile(r"\bops\.(\w+)\.(\w+)")
_OPERATORS = frozenset({"aten", "prim", "prims", "quantized", "torchvision", "prepacked", "sparse"})
_CLASS = re.compile(r"\b__torch__\.torch\.classes\.(\w+)\.(\w+)")
_CLASSES = frozenset({"quantized", "sparse", "xnnpack"})
_REMEDY = "script the model without it"


def inspect_code(code: str, where: str) -> Iterator[Finding]:
    """One file of ``code/`` in an archive."""
    plain = _SPACE_AROUND_DOT.sub(".", _COMMENT.sub("", _STRING.sub('""', code)))
    for match in _OUTSIDE.finditer(plain):
        yield runs_code(where, f"calls {match.group()!r}", _REMEDY)
    for match in _OPERATOR.finditer(plain):
        if match.group(1) not in _OPERATORS:
            yield runs_code(where, f"calls the custom operator {match.group()!r}", _REMEDY)
    for match in _CLASS.finditer(plain):
        if match.group(1) not in _CLASSES:
            yield runs_code(where, f"uses the native class {match.group()!r}", _REMEDY)
