"""PyTorch's files: zips of pickles and raw tensors, TorchScript code, exported programs.

``torch.export.load`` falls back to plain unpickling when the safe way fails, evaluates
the sizes' expressions as Python, and looks operators up by dotted names: all three are read
here first.  Raw tensors are passed over.
"""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from export.inspect.files import copy_member, inspect_archive, read_member
from export.inspect.finding import Finding, damaged, runs_code
from export.inspect.pickles import inspect_pickle
from export.inspect.torchscript import inspect_code

_MAX_NESTED, _MAX_TEXT_BYTES = 3, 64_000_000
_PICKLES = (".pkl", ".debug_pkl")
_ARCHIVES = (".pt", ".pth", ".bin", ".ckpt")
_NATIVE = (".so", ".dylib", ".dll", ".o", ".a", ".cpp", ".cu", ".cubin", ".ptx", ".hsaco")
# Before zips: magic number, protocol, system, the object, the storages' keys; then raw bytes.
_LEGACY_PICKLES = 5
_ZIP, _TAR_AT, _TAR = b"PK\x03\x04", 257, b"ustar"
# Sizes are sympy's constructors, which have capitals, around numbers and names of symbols.
_SYMBOL = re.compile(r"'\w+'|\"\w+\"")
_SIZES = re.compile(r"[\w\s+\-*/%(),<>=!&|~^]*(\.\d+[\w\s+\-*/%(),<>=!&|~^]*)*")
_NO_SIZES = re.compile(r"__|\b[a-z]\w*\s*\(|\)\s*\(")
_TARGET = re.compile(
    r"torch\.ops\.(aten|prims|prim|quantized|quantized_decomposed|torchvision|higher_order|_?inductor)(\.\w+)+"
    r"|_operator\.\w+|math\.\w+|torch\.(sym_\w+|_sym_\w+)|torch\._higher_order_ops(\.\w+)+"
    r"|[A-Za-z_]\w*|"
)
_NO_TARGET = re.compile(r"\.(from_file|save|load\w*)\b|\.__")
_REMEDY = "export the program again with torch.export.save"


def inspect_torch(path: Path, *, is_script: bool = False) -> Iterator[Finding]:
    """A state dict, an exported program or TorchScript, of any age."""
    with path.open("rb") as file:
        yield from _inspect_file(file, path.name, is_script=is_script, nested=0)


def _inspect_file(
    file: IO[bytes], where: str, *, is_script: bool, nested: int
) -> Iterator[Finding]:
    beginning = file.read(_TAR_AT + len(_TAR))
    size = file.seek(0, 2)
    file.seek(0)
    if nested > _MAX_NESTED:
        yield damaged(where, "is an archive in an archive, and so on")
    elif zipfile.is_zipfile(file):
        # A pickle with a zip behind it is one thing to torch and another to a zip reader.
        if not beginning.startswith(_ZIP):
            yield damaged(where, "has something before its archive")
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            yield from inspect_archive(archive, size)
            yield from _inspect_members(archive, where, is_script=is_script, nested=nested)
    elif beginning[_TAR_AT:] == _TAR:
        yield damaged(where, "is a tar file, as PyTorch wrote before 2017; save it again")
    else:
        file.seek(0)
        yield from _inspect_legacy(file, where)


def _inspect_legacy(file: IO[bytes], where: str) -> Iterator[Finding]:
    found = []
    for _ in range(_LEGACY_PICKLES):
        try:
            found += list(inspect_pickle(file, where))
        except ValueError as error:
            found.append(damaged(where, f"ends within a pickle: {error}"))
        # What stands behind a refused opcode may be anything; the first reason is enough.
        if found:
            break
    yield from found


def _inspect_members(
    archive: zipfile.ZipFile, where: str, *, is_script: bool, nested: int
) -> Iterator[Finding]:
    names = archive.namelist()
    unpickled = _pickled_payloads(archive, names)
    for name in names:
        member = f"{where}: member {name!r}" if nested else f"member {name!r}"
        if name.endswith(_NATIVE):
            yield runs_code(member, "is native code", _REMEDY)
        elif name.endswith(_PICKLES):
            with archive.open(name) as file:
                yield from inspect_pickle(file, member, is_script=is_script)
        elif name.endswith(".py"):
            yield from _inspect_source(archive, name, member, is_script=is_script)
        elif name.endswith(_ARCHIVES) or name in unpickled or "/custom_obj_" in name:
            with tempfile.TemporaryFile() as copy:
                copy_member(archive, name, copy)
                yield from _inspect_file(
                    copy, member, is_script="/custom_obj_" in name, nested=nested + 1
                )
        elif name.endswith(".json"):
            text = read_member(archive, name, _MAX_TEXT_BYTES)
            yield from _inspect_program(json.loads(text), member)


def _inspect_source(
    archive: zipfile.ZipFile, name: str, member: str, *, is_script: bool
) -> Iterator[Finding]:
    if is_script and "/code/" in f"/{name}":
        code = read_member(archive, name, _MAX_TEXT_BYTES).decode("utf-8", "backslashreplace")
        yield from inspect_code(code, member)
    else:
        yield runs_code(member, "is Python code", _REMEDY)


def _pickled_payloads(archive: zipfile.ZipFile, names: list[str]) -> frozenset[str]:
    """Members that an exported program's lists say to unpickle."""
    found: set[str] = set()
    for name in names:
        if name.endswith(("weights_config.json", "constants_config.json")):
            listed = json.loads(read_member(archive, name, _MAX_TEXT_BYTES))
            folder = name.rsplit("/", 1)[0]
            entries = listed.get("config") if isinstance(listed, dict) else None
            for entry in entries.values() if isinstance(entries, dict) else ():
                if isinstance(entry, dict) and entry.get("use_pickle"):
                    found.add(f"{folder}/{entry.get('path_name')}")
    return frozenset(found)


def _inspect_program(program: Any, member: str) -> Iterator[Finding]:
    """JSON of an exported program: what its sizes compute and what its nodes call."""
    waiting = [program]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        if not isinstance(value, dict):
            continue
        waiting.extend(value.values())
        sizes, target = value.get("expr_str"), value.get("target")
        if isinstance(sizes, str) and not _is_size(sizes):
            yield runs_code(member, f"has a size that is code: {sizes[:80]!r}", _REMEDY)
        if isinstance(target, str) and "inputs" in value and not _is_operator(target):
            where = f"{member}, node {value.get('name')!r}"
            yield runs_code(where, f"calls {target[:80]!r}", _REMEDY)


def _is_operator(target: str) -> bool:
    return _TARGET.fullmatch(target) is not None and _NO_TARGET.search(target) is None


def _is_size(expression: str) -> bool:
    plain = _SYMBOL.sub("", expression)
    return _SIZES.fullmatch(plain) is not None and _NO_SIZES.search(plain) is None
