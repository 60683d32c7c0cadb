"""Open Inference requests over gRPC, good and bad, in protobuf's JSON form."""

from __future__ import annotations

import struct
from base64 import b64encode
from dataclasses import dataclass, replace

import numpy as np

from tests.conformance.http_cases import LATIN, TOKEN, datatype, ones
from tests.conformance.models import KINDS

ROW = [1.0, 2.0, 3.0, 4.0]
RAW = b64encode(struct.pack("<4f", *ROW)).decode()
PAIR = {"a": np.float32([[5, 6, 7]]), "b": np.float32([[1, 2, 3]])}
_FIELDS = {"bool": "bool", "bytes": "bytes", "float32": "fp32", "float64": "fp64",
           "int64": "int64", "uint64": "uint64"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GrpcCase:
    """One call, or one stream of requests, and what to call it; *token* goes with it."""

    name: str
    method: str
    requests: tuple[dict[str, object], ...]
    token: str = ""


def call(name: str, method: str, /, **request) -> GrpcCase:
    """A unary call."""
    return GrpcCase(name, method, (request,))


def control(name: str, verb: str, model: str) -> GrpcCase:
    """Loading or unloading, by who knows the token."""
    return GrpcCase(name, f"RepositoryModel{verb}", ({"model_name": model},), TOKEN)


def tensor(name="x", datatype="FP32", shape=(1, 4), **contents) -> dict[str, object]:
    """An input; its contents by their field."""
    made: dict[str, object] = {"name": name, "datatype": datatype, "shape": shape}
    return made | ({"contents": contents} if contents else {})


def request(*inputs, model="add", version="", raw=(), **more) -> dict[str, object]:
    """A ModelInferRequest; without inputs, of a good row as raw contents."""
    if not inputs:
        inputs, raw = (tensor(),), raw or (RAW,)
    made = {"model_name": model, "model_version": version, "inputs": inputs, **more}
    return made | ({"raw_input_contents": raw} if raw else {})


def infer(name: str, *inputs, **more) -> GrpcCase:
    """A ModelInfer call."""
    return GrpcCase(f"infer: {name}", "ModelInfer", (request(*inputs, **more),))


def raw_infer(name: str, arrays: dict[str, np.ndarray], **more) -> GrpcCase:
    """A ModelInfer call of these inputs as raw contents."""
    inputs = [tensor(key, datatype(str(array.dtype)), array.shape) for key, array in arrays.items()]
    return infer(name, *inputs, raw=[encoded(array.tobytes()) for array in arrays.values()], **more)


def encoded(data: bytes) -> str:
    """Bytes as protobuf's JSON has them."""
    return b64encode(data).decode()


def typed_kind(kind: str) -> dict[str, object]:
    """An input of two elements of a kind, in its typed field."""
    values: list[object] = [True, False] if kind == "bool" else [1, 0]
    if kind == "bytes":
        values = [encoded("é".encode()), ""]
    whole = "uint" if kind.startswith("uint") else "int"
    name = _FIELDS.get(kind, whole) + "_contents"
    return tensor(f"in_{kind}", datatype(kind), [1, 2], **{name: values})


METADATA = [
    call("live", "ServerLive"),
    call("ready", "ServerReady"),
    call("server", "ServerMetadata"),
    *(call(f"ready: {name or 'no name'} {version}", "ModelReady", name=name, version=version)
      for name, version in (("add", ""), ("add", "1"), ("add", "9"), ("nope", ""), ("", ""),
                            ("add", "abc"), ("scale", "2"))),
    *(call(f"metadata: {name or 'no name'} {version}", "ModelMetadata", name=name, version=version)
      for name, version in (("add", ""), ("add", "1"), ("add", "9"), ("nope", ""), ("", ""),
                            ("add", "abc"), ("add", "0"), ("add", "-1"), ("text", ""),
                            ("half", ""), ("pair", ""), ("fixed", ""), ("kinds", ""),
                            ("numbers", ""), ("scale", ""), ("scale", "2"))),
    *(call(f"config: {name}", "ModelConfig", name=name) for name in ("add", "fixed", "nope")),
    *(call(f"statistics: {name} {version}", "ModelStatistics", name=name, version=version)
      for name, version in (("judge", ""), ("judge", "1"), ("judge", "9"), ("nope", ""))),
    call("index", "RepositoryIndex"),
    call("index: ready only", "RepositoryIndex", ready=True),
    *(call(name, name) for name in ("TraceSetting", "LogSettings", "SystemSharedMemoryStatus",
                                    "CudaSharedMemoryStatus")),
]  # fmt: skip

GOOD = [
    infer("a row"),
    infer("typed contents", tensor(fp32_contents=ROW)),
    raw_infer("two rows", {"x": np.float32([ROW] * 2)}),
    raw_infer("more rows than the maximum", {"x": np.float32([ROW] * 9)}),
    infer("no rows", tensor(shape=[0, 4]), raw=("",)),
    infer("an id", id="seven"),
    infer("a version", version="1"),
    infer("newest without a version", model="scale"),
    *(infer(f"scale {number}", model="scale", version=number) for number in ("1", "2", "3")),
    infer("a named output", outputs=[{"name": "y"}]),
    raw_infer("outputs in another order", PAIR, model="pair",
              outputs=[{"name": "difference"}, {"name": "total"}]),
    raw_infer("one output of two", PAIR, model="pair", outputs=[{"name": "difference"}]),
    raw_infer("two inputs, two outputs", PAIR, model="pair"),
    raw_infer("inputs in another order", {"b": PAIR["a"], "a": PAIR["b"]}, model="pair"),
    infer("an unknown parameter", parameters={"strange": {"string_param": "yes"}}),
    infer("classes", outputs=[{"name": "y", "parameters": {"classification": {"int64_param": 2}}}]),
    infer("strings", tensor(datatype="BYTES", shape=[1, 2]), model="text",
          raw=(encoded(ones("bytes")),)),
    infer("typed strings", tensor(datatype="BYTES", shape=[1, 2],
                                  bytes_contents=[encoded("é".encode()), ""]), model="text"),
    infer("strings that are not UTF-8", tensor(datatype="BYTES", shape=[1, 2]), model="text",
          raw=(encoded(LATIN),)),
    raw_infer("integers", {"x": np.int32([[-(2**31), 0, 7]])}, model="whole"),
    infer("half precision", tensor(datatype="FP16"), model="half",
          raw=(encoded(np.float16(ROW).tobytes()),)),
    raw_infer("no batch axis", {"x": np.float32([ROW[:3], ROW[:3]])}, model="fixed"),
    infer("a picture", tensor("image", "UINT8", [1, 28, 28, 1]), model="numbers",
          raw=(encoded(bytes(784)),)),
    infer("every datatype", *(tensor(f"in_{kind}", datatype(kind), [1, 2]) for kind in KINDS),
          model="kinds", raw=tuple(encoded(ones(kind)) for kind in KINDS)),
]  # fmt: skip

MISTAKES = [
    infer("raw and typed", tensor(fp32_contents=ROW), raw=(RAW,)),
    infer("raw cut short", raw=(encoded(bytes(12)),)),
    infer("raw too long", raw=(encoded(bytes(20)),)),
    infer("raw missing for one of two", tensor("a", shape=[1, 3]), tensor("b", shape=[1, 3]),
          model="pair", raw=(encoded(bytes(12)),)),
    infer("raw too many", raw=(RAW, RAW)),
    infer("no data", tensor()),
    infer("the wrong typed field", tensor(int_contents=[1, 2, 3, 4])),
    infer("two typed fields", tensor(fp32_contents=ROW, int_contents=[1])),
    infer("typed too few", tensor(fp32_contents=ROW[:3])),
    infer("typed too many", tensor(fp32_contents=[*ROW, 5])),
    infer("typed half precision", tensor(datatype="FP16", fp32_contents=ROW), model="half"),
    infer("typed of every datatype", *(typed_kind(kind) for kind in KINDS), model="kinds"),
    infer("typed contents of one, raw of another", tensor("a", shape=[1, 3], fp32_contents=[1, 2, 3]),
          tensor("b", shape=[1, 3]), model="pair", raw=(encoded(bytes(12)),)),
    infer("typed out of range", tensor("image", "UINT8", [1, 28, 28, 1], uint_contents=[300] * 784),
          model="numbers"),
    infer("no inputs", inputs=[]),
    infer("an unknown model", model="nope"),
    infer("no model", model=""),
    infer("an unknown version", version="9"),
    *(infer(f"version {version}", version=version)
      for version in ("abc", "0", "-1", "1.5", "1abc", " 1", "99999999999999999999")),
    infer("an unknown input", tensor("z", fp32_contents=ROW)),
    infer("an unknown input too", tensor(fp32_contents=ROW), tensor("z", fp32_contents=ROW)),
    infer("an input twice", tensor(fp32_contents=ROW), tensor(fp32_contents=ROW)),
    infer("an input without a name", tensor("", fp32_contents=ROW)),
    infer("one input of two", tensor("a", shape=[1, 3], fp32_contents=[1, 2, 3]), model="pair"),
    infer("batches of two lengths", tensor("a", shape=[1, 3], fp32_contents=[1, 2, 3]),
          tensor("b", shape=[2, 3], fp32_contents=[1, 2, 3] * 2), model="pair"),
    infer("an unknown output", outputs=[{"name": "q"}]),
    infer("an output twice", outputs=[{"name": "y"}, {"name": "y"}]),
    infer("an unknown datatype", tensor(datatype="FLOAT", fp32_contents=ROW)),
    infer("no datatype", tensor(datatype="", fp32_contents=ROW)),
    infer("another datatype", tensor(datatype="INT32", int_contents=[1, 2, 3, 4])),
    infer("another shape", tensor(shape=[1, 5], fp32_contents=[*ROW, 5])),
    infer("another rank", tensor(shape=[4], fp32_contents=ROW)),
    infer("an empty shape", tensor(shape=[], fp32_contents=[1])),
    infer("a negative shape", tensor(shape=[-1, 4], fp32_contents=ROW)),
    infer("a huge shape", tensor(shape=[2**40, 4]), raw=(RAW,)),
    infer("a fixed shape wrong", tensor(shape=[1, 3], fp32_contents=[1, 2, 3]), model="fixed"),
    infer("a string longer than its tensor", tensor(datatype="BYTES", shape=[1, 2]), model="text",
          raw=(encoded(b"\x09\x00\x00\x00abcde"),)),
    infer("a string without its length", tensor(datatype="BYTES", shape=[1, 2]), model="text",
          raw=(encoded(b"\x01\x00\x00\x00ab\x00"),)),
    infer("one string of two", tensor(datatype="BYTES", shape=[1, 2]), model="text",
          raw=(encoded(b"\x01\x00\x00\x00a"),)),
]  # fmt: skip

STREAMS = [
    GrpcCase("stream: nothing", "ModelStreamInfer", ()),
    GrpcCase("stream: one", "ModelStreamInfer", (request(id="1"),)),
    GrpcCase("stream: a mistake among good ones", "ModelStreamInfer",
             (request(id="1"), request(model="nope", id="2"), request(id="3"))),
    GrpcCase("stream: tensors that do not fit", "ModelStreamInfer",
             (request(tensor("z"), raw=[RAW]), request(raw=[encoded(bytes(12))]))),
]  # fmt: skip

# In this order: what is unloaded is missed, and loaded again.
CONTROL = [
    call("load: without the token", "RepositoryModelLoad", model_name="whole"),
    call("unload: without the token", "RepositoryModelUnload", model_name="nope"),
    control("load: an unknown model", "Load", "nope"),
    control("unload: an unknown model", "Unload", "nope"),
    control("unload: a model", "Unload", "whole"),
    call("unloaded: readiness", "ModelReady", name="whole"),
    call("unloaded: metadata", "ModelMetadata", name="whole"),
    replace(infer("of it", model="whole"), name="unloaded: infer"),
    control("load: a model", "Load", "whole"),
    call("loaded again: readiness", "ModelReady", name="whole"),
    replace(raw_infer("of it", {"x": np.int32([[1, 2, 3]])}, model="whole"),
            name="loaded again: infer"),
]  # fmt: skip

CALLS: list[GrpcCase] = [*METADATA, *GOOD, *MISTAKES, *STREAMS]
