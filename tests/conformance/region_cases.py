"""Tensors in shared memory, over both protocols: registered, read, written and forgotten."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.grpc_cases import RAW, GrpcCase, call
from tests.conformance.grpc_cases import infer as grpc_infer
from tests.conformance.grpc_cases import tensor as grpc_tensor
from tests.conformance.http_cases import HttpCase, infer, tensor

_FOLDER = Path("/dev/shm")
_GIVEN, _WANTED = "easel-conformance-given", "easel-conformance-wanted"
_ROOT = "/v2/systemsharedmemory"
_SIZE = 4096


@contextmanager
def shared_objects() -> Iterator[None]:
    """One with a row at its begin, and an empty one, which both servers write to in turn."""
    files = [_FOLDER / _GIVEN, _FOLDER / _WANTED]
    for file in files:
        file.write_bytes(struct.pack("<4f", 1, 2, 3, 4).ljust(_SIZE, b"\0"))
    try:
        yield
    finally:
        for file in files:
            file.unlink()


def _region(name: str, size: object = 16, offset: object = None) -> dict[str, object]:
    said = {"shared_memory_region": name, "shared_memory_byte_size": size}
    return said if offset is None else said | {"shared_memory_offset": offset}


def _from(parameters: dict[str, object], **more) -> dict[str, object]:
    return tensor(data=None, parameters=parameters, **more)


def _to(**parameters: object) -> list[object]:
    return [{"name": "y", "parameters": parameters}]


def _register(name: str, body: object, region: str = "given") -> HttpCase:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpCase(f"register: {name}", f"{_ROOT}/region/{region}/register", "POST", text)


def _forget(name: str, path: str) -> HttpCase:
    return HttpCase(f"unregister: {name}", _ROOT + path, "POST")


_KEY = {"key": _GIVEN}
HTTP_REGIONS = [
    _register("a region", {"key": f"/{_GIVEN}", "offset": 0, "byte_size": 64}),
    _register("the same again", _KEY | {"byte_size": 64}),
    _register("another", {"key": _WANTED, "byte_size": 64}, "wanted"),
    _register("no such object", {"key": "easel-conformance-nope", "byte_size": 4}, "more"),
    _register("too long", _KEY | {"byte_size": 1 << 20}, "more"),
    _register("behind its end", _KEY | {"byte_size": 16, "offset": _SIZE}, "more"),
    _register("no key", {"byte_size": 4}, "more"),
    _register("no size", _KEY, "more"),
    _register("a text for a size", _KEY | {"byte_size": "a"}, "more"),
    _register("a negative size", _KEY | {"byte_size": -1}, "more"),
    _register("a number for a key", {"key": 7, "byte_size": 4}, "more"),
    _register("a path", {"key": f"../shm/{_GIVEN}", "byte_size": 4}, "more"),
    _register("no JSON", b"{", "more"),
    HttpCase("status of all", f"{_ROOT}/status"),
    HttpCase("status of one", f"{_ROOT}/region/wanted/status"),
    HttpCase("status of none", f"{_ROOT}/region/nope/status"),
    HttpCase("status by POST", f"{_ROOT}/status", "POST"),
    HttpCase("register by GET", f"{_ROOT}/region/given/register"),
    HttpCase("register nothing", f"{_ROOT}/register", "POST"),
    infer("out of shared memory", _from(_region("given"))),
    infer("into shared memory", outputs=_to(**_region("wanted", 64, 0))),
    infer("what was written", _from(_region("wanted"))),
    infer("out and into, from an offset", _from(_region("given")), outputs=_to(**_region("wanted", 32, 16))),
    infer("what was written there", _from(_region("wanted", 16, 16))),
    infer("a span that is too short", _from(_region("given", 12))),
    infer("a span that is too long", _from(_region("given", 32))),
    infer("a span beyond the region", _from(_region("given", 16, 56))),
    infer("room that is too small", outputs=_to(**_region("wanted", 8))),
    infer("room beyond the region", outputs=_to(**_region("wanted", 128))),
    infer("a region without a size", _from({"shared_memory_region": "given"})),
    infer("a size without a region", _from({"shared_memory_byte_size": 16})),
    infer("a size that is a text", _from(_region("given", "a"))),
    infer("an offset that is negative", _from(_region("given", 16, -4))),
    infer("shared memory and data", tensor(parameters=_region("given"))),
    infer("shared memory and bytes", _from(_region("given") | {"binary_data_size": 16})),
    infer("shared memory and binary", outputs=_to(**_region("wanted"), binary_data=True)),
    infer("shared memory and classes", outputs=_to(**_region("wanted"), classification=2)),
    _forget("one", "/region/given/unregister"),
    _forget("one that is not there", "/region/given/unregister"),
    _forget("all", "/unregister"),
    HttpCase("status of nothing", f"{_ROOT}/status"),
    infer("a region that was forgotten", _from(_region("given"))),
]  # fmt: skip


def _typed(parameters: dict[str, object]) -> dict[str, object]:
    kinds = {int: "int64_param", str: "string_param"}
    return {name: {kinds[type(value)]: value} for name, value in parameters.items()}


def _shared(parameters: dict[str, object]) -> dict[str, object]:
    return grpc_tensor() | {"parameters": _typed(parameters)}


def _into(parameters: dict[str, object]) -> list[object]:
    return [{"name": "y", "parameters": _typed(parameters)}]


def _begin(name: str, region: str, key: str, size: int = 64) -> GrpcCase:
    return call(f"register: {name}", "SystemSharedMemoryRegister",
                name=region, key=key, byte_size=size)  # fmt: skip


GRPC_REGIONS = [
    _begin("a region", "given", _GIVEN),
    _begin("the same again", "given", _GIVEN),
    _begin("another", "wanted", _WANTED),
    _begin("no such object", "more", "easel-conformance-nope"),
    _begin("too long", "more", _GIVEN, 1 << 20),
    _begin("no name", "", _GIVEN, 1 << 20),
    call("status of one", "SystemSharedMemoryStatus", name="given"),
    call("status of none", "SystemSharedMemoryStatus", name="nope"),
    grpc_infer("out of shared memory", _shared(_region("given"))),
    grpc_infer("into shared memory", outputs=_into(_region("wanted", 64, 0))),
    grpc_infer("what was written", _shared(_region("wanted"))),
    grpc_infer("room that is too small", outputs=_into(_region("wanted", 8))),
    grpc_infer("a span beyond the region", _shared(_region("given", 16, 56))),
    grpc_infer("no such region", _shared(_region("nope"))),
    grpc_infer("no such region for an output", outputs=_into(_region("nope"))),
    grpc_infer("a region without a size", _shared({"shared_memory_region": "given"})),
    grpc_infer("a size without a region", _shared({"shared_memory_byte_size": 16})),
    grpc_infer("a size that is a text", _shared(_region("given", "a"))),
    grpc_infer("shared memory and raw contents", _shared(_region("given")), raw=[RAW]),
    call("unregister: one", "SystemSharedMemoryUnregister", name="given"),
    call("unregister: one that is not there", "SystemSharedMemoryUnregister", name="given"),
    call("unregister: all", "SystemSharedMemoryUnregister"),
    call("status of nothing", "SystemSharedMemoryStatus"),
]
