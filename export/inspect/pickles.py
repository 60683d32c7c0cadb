"""Pickles, read opcode by opcode and never executed.

Allowed is what ``torch.load(weights_only=True)`` allows: the opcodes that build plain
values, and the names of tensors' parts.  Any other name is a function of anybody's choice
that unpickling would call.
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Callable, Iterator
from typing import IO

from export.inspect.finding import Finding, runs_code

OPCODES = frozenset({
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "NEWOBJ", "BINPERSID", "NONE",
    "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE",
    "SHORT_BINSTRING", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "EMPTY_TUPLE", "TUPLE",
    "TUPLE1", "TUPLE2", "TUPLE3", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "BINGET",
    "LONG_BINGET", "BINPUT", "LONG_BINPUT",
})  # fmt: skip
# Newer protocols and TorchScript's reader have more that only build plain values.  torch refuses
# them itself; a person is better told of the function that is named among them.
PLAIN_OPCODES = OPCODES | {
    "FRAME", "MEMOIZE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "FROZENSET", "ADDITEMS", "LONG4", "POP",
    "POP_MARK", "DUP", "DICT", "LIST",
}  # fmt: skip

_TENSOR_PARTS = re.compile(
    r"torch\.(cuda\.)?(sparse\.)?(BFloat16|Bool|Byte|Char|Double|Float|Half|Int|Long|Short"
    r"|ComplexDouble|ComplexFloat|QInt8|QInt32|QUInt8|QUInt2x4|QUInt4x2)(Storage|Tensor)"
    r"|torch\.(bfloat16|bool|float\d+(_\w+)?|complex\d+|q?u?int\d+(x\d)?|bits\d+(x\d)?)"
    r"|torch\.per_(tensor|channel)_(affine|symmetric|affine_float_qparams)"
    r"|torch\.storage\.(Typed|Untyped)Storage|torch\.(Size|Tensor|device)"
    r"|torch\._tensor\._rebuild_from_type_v2|torch\.serialization\._get_layout"
    r"|torch\._utils\._rebuild_(device_tensor_from_cpu_tensor|device_tensor_from_numpy"
    r"|meta_tensor_no_storage|nested_tensor|parameter|parameter_with_state|qtensor"
    r"|sparse_tensor|tensor|tensor_v2|tensor_v3|wrapper_subclass)"
    r"|torch\.nn\.parameter\.Parameter|collections\.(OrderedDict|Counter)|_codecs\.encode"
    # How Python 3 writes the builtins' module for protocol 2.
    r"|(builtins|__builtin__)\.(bytearray|complex|set)"
)
# TorchScript's reader, which is not Python's, makes these itself.
_SCRIPT_PARTS = re.compile(r"__torch__(\.\w+)+|torch\.jit\._pickle\.\w+")
_REMEDY = "save tensors only: torch.save(model.state_dict(), path)"


def is_tensor_part(name: str) -> bool:
    """Whether torch itself allows this global without being told to."""
    return _TENSOR_PARTS.fullmatch(name) is not None


def is_script_part(name: str) -> bool:
    """Likewise, in the pickles of TorchScript."""
    return is_tensor_part(name) or _SCRIPT_PARTS.fullmatch(name) is not None


def inspect_pickle(file: IO[bytes], where: str, *, is_script: bool = False) -> Iterator[Finding]:
    """One pickle, from where *file* stands; afterwards it stands behind it.

    Raises:
        ValueError: It is no pickle, or is cut off.
    """
    is_allowed: Callable[[str], bool] = is_script_part if is_script else is_tensor_part
    recent: list[str] = []
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if isinstance(argument, str) and name != "GLOBAL":
            recent = [*recent[-1:], argument]
        if name in {"GLOBAL", "INST"}:
            called = ".".join(str(argument).split(" ", 1))
            if name == "INST" or not is_allowed(called):
                yield _calls(where, called, name)
        elif name == "STACK_GLOBAL":
            # The names are on the stack: the last two strings, unless it means to hide them.
            yield _calls(where, ".".join(recent), name)
        elif name not in PLAIN_OPCODES:
            yield runs_code(f"{where}, opcode {name}", "is none that tensors need", _REMEDY)


def _calls(where: str, called: str, opcode: str) -> Finding:
    return runs_code(
        f"{where}, opcode {opcode}", f"names {called!r}, which could be called", _REMEDY
    )
