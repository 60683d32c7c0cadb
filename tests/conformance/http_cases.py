"""Open Inference requests over HTTP, good and bad, as they go over the wire."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tests.conformance.models import KINDS

ROW = [1, 2, 3, 4]
LATIN = b"\x01\x00\x00\x00\xe9\x00\x00\x00\x00"  # "é" in Latin-1, and an empty string
FLOATS = struct.pack("<4f", *ROW)


@dataclass(frozen=True, slots=True)
class HttpCase:
    """One request, and what to call it."""

    name: str
    path: str
    method: str = "GET"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def tensor(name="x", datatype="FP32", shape=(1, 4), data=ROW, **more) -> dict[str, object]:
    """An input in JSON; what is None is left out."""
    made = {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}
    return {key: value for key, value in made.items() if value is not None}


def post(
    name: str, body: bytes | str, model: str = "add", version: str = "", **headers
) -> HttpCase:
    """An inference with this very body."""
    version = f"/versions/{version}" if version else ""
    data = body if isinstance(body, bytes) else body.encode()
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return HttpCase(
        f"infer: {name}", f"/v2/models/{model}{version}/infer", "POST", data,
        {"Content-Type": "application/json"} | named,
    )  # fmt: skip


def infer(name: str, *inputs: object, model: str = "add", version: str = "", **request) -> HttpCase:
    """An inference of JSON tensors; without any, of a good row."""
    body = json.dumps({"inputs": inputs or (tensor(),), **request}, ensure_ascii=False)
    return post(name, body, model, version)


def binary(name: str, request: object, *raw: bytes, model: str = "add", length=None) -> HttpCase:
    """An inference with binary tensors after the JSON; *length* is what the header says."""
    head = json.dumps(request).encode()
    said = str(len(head)) if length is None else str(length)
    case = post(name, head + b"".join(raw), model, Inference_Header_Content_Length=said)
    return replace(case, headers=case.headers | {"Content-Type": "application/octet-stream"})


def raw_tensor(size: object, **more) -> dict[str, object]:
    """An input whose *size* bytes follow the JSON."""
    return tensor(**{"data": None, "parameters": {"binary_data_size": size}, **more})


def ones(kind: str) -> bytes:
    """Two elements of a kind, as they stand in a binary tensor."""
    if kind == "bytes":
        return b"\x02\x00\x00\x00\xc3\xa9\x00\x00\x00\x00"
    return np.array([1, 0]).astype(kind).tobytes()


def all_kinds() -> HttpCase:
    """A row of every datatype, binary both ways."""
    raw = [ones(kind) for kind in KINDS]
    inputs = [
        raw_tensor(len(data), name=f"in_{kind}", datatype=datatype(kind), shape=[1, 2])
        for kind, data in zip(KINDS, raw, strict=True)
    ]
    return binary(
        "every datatype",
        {"inputs": inputs, "parameters": {"binary_data_output": True}},
        *raw,
        model="kinds",
    )


LONG = tensor(datatype="BYTES", shape=[1, 2], data=["a" * 1000, "b" * 1000])


def datatype(kind: str) -> str:
    """The protocol's name of a dtype."""
    return kind.upper().replace("FLOAT", "FP")


GET_CASES = [
    *(HttpCase(f"get {path}", path) for path in (
        "/v2", "/v2/", "/v2/nope", "/v2/health/live", "/v2/health/ready", "/v2/health/nope",
        "/v2/models/add", "/v2/models/add/", "/v2/models/nope", "/v2/models/add/versions/1",
        "/v2/models/add/versions/9", "/v2/models/add/versions/abc", "/v2/models/add/versions/0",
        "/v2/models/add/versions/-1", "/v2/models/add/versions", "/v2/models/nope/versions/1",
        "/v2/models/text", "/v2/models/half", "/v2/models/pair", "/v2/models/fixed",
        "/v2/models/kinds", "/v2/models/numbers", "/v2/models/scale",
        "/v2/models/scale/versions/2", "/v2/models/add/ready", "/v2/models/nope/ready",
        "/v2/models/add/versions/1/ready", "/v2/models/add/versions/9/ready",
        "/v2/models/add/versions/abc/ready", "/v2/models/nope/config", "/v2/models/nope/stats",
        "/v2/models/add/versions/9/stats", "/v2/models/add/versions/9/config",
        "/v2/models/add/infer", "/v2/repository/index", "/v2/models/add/nope", "/v2/models",
        "/v2/models/judge/stats", "/v2/models/judge/versions/1/stats", "/v2/models/add/config",
        "/v2/models/fixed/config", "/v2/models/add/versions/1/config", "/v2/trace/setting",
        "/v2/logging", "/v2/systemsharedmemory/status", "/v2/cudasharedmemory/status",
    )),
    HttpCase("head live", "/v2/health/live", "HEAD"),
    HttpCase("post live", "/v2/health/live", "POST"),
    HttpCase("post metadata", "/v2/models/add", "POST"),
    HttpCase("delete model", "/v2/models/add", "DELETE"),
    HttpCase("options live", "/v2/health/live", "OPTIONS"),
    HttpCase("index: empty body", "/v2/repository/index", "POST"),
    HttpCase("index: all", "/v2/repository/index", "POST", b'{"ready":false}'),
    HttpCase("index: ready only", "/v2/repository/index", "POST", b'{"ready":true}'),
    HttpCase("index: bad JSON", "/v2/repository/index", "POST", b"{"),
]  # fmt: skip

TOKEN = "conformance"


def control(name: str, model: str, verb: str, **headers: str) -> HttpCase:
    """Loading or unloading, by who knows the token."""
    return HttpCase(
        name, f"/v2/repository/models/{model}/{verb}", "POST", b"{}",
        {"Authorization": f"Bearer {TOKEN}"} | headers,
    )  # fmt: skip


# In this order: what is unloaded is missed, and loaded again.
CONTROL_CASES = [
    control("load: an unknown model", "nope", "load"),
    control("unload: an unknown model", "nope", "unload"),
    control("load: without the token", "whole", "load", Authorization=""),
    control("load: with another token", "whole", "load", Authorization="Bearer other"),
    control("unload: a model", "whole", "unload"),
    HttpCase("unloaded: readiness", "/v2/models/whole/ready"),
    HttpCase("unloaded: metadata", "/v2/models/whole"),
    HttpCase("unloaded: a version's metadata", "/v2/models/whole/versions/1"),
    replace(infer("of it", model="whole"), name="unloaded: infer"),
    control("load: a model", "whole", "load"),
    HttpCase("loaded again: readiness", "/v2/models/whole/ready"),
    replace(
        infer("of it", tensor(datatype="INT32", shape=[1, 3], data=[1, 2, 3]), model="whole"),
        name="loaded again: infer",
    ),
]

GOOD_CASES = [
    infer("a row"),
    infer("nested data", tensor(data=[ROW])),
    infer("two rows", tensor(shape=[2, 4], data=ROW * 2)),
    infer("two nested rows", tensor(shape=[2, 4], data=[ROW, ROW])),
    infer("eight rows", tensor(shape=[8, 4], data=ROW * 8)),
    infer("more rows than the maximum", tensor(shape=[9, 4], data=ROW * 9)),
    infer("no rows", tensor(shape=[0, 4], data=[])),
    infer("a version", version="1"),
    infer("newest without a version", model="scale"),
    *(infer(f"scale {number}", model="scale", version=number) for number in ("1", "2", "3")),
    infer("an id", id="seven"),
    infer("an empty id", id=""),
    infer("exponents", tensor(data=[1e3, 1e-3, -1.5e10, 0.1])),
    infer("too large for the datatype", tensor(data=[1e39, 2, 3, 4])),
    infer("a named output", outputs=[{"name": "y"}]),
    infer("outputs empty", outputs=[]),
    infer("an unknown top-level key", strange=1),
    infer("an unknown key of an input", tensor(strange=1)),
    infer("an unknown parameter", parameters={"strange": "yes", "number": 3}),
    infer("a binary output asked for", outputs=[{"name": "y", "parameters": {"binary_data": True}}]),
    infer("all outputs binary", parameters={"binary_data_output": True}),
    infer("an output JSON, the default binary",
          outputs=[{"name": "y", "parameters": {"binary_data": False}}],
          parameters={"binary_data_output": True}),
    infer("classes", outputs=[{"name": "y", "parameters": {"classification": 2}}]),
    infer("two inputs, two outputs", tensor("a", shape=[1, 3], data=[5, 6, 7]),
          tensor("b", shape=[1, 3], data=[1, 2, 3]), model="pair"),
    infer("inputs in another order, one output", tensor("b", shape=[1, 3], data=[5, 6, 7]),
          tensor("a", shape=[1, 3], data=[1, 2, 3]), model="pair", outputs=[{"name": "difference"}]),
    infer("outputs in another order", tensor("a", shape=[1, 3], data=[5, 6, 7]),
          tensor("b", shape=[1, 3], data=[1, 2, 3]), model="pair",
          outputs=[{"name": "difference"}, {"name": "total"}]),
    infer("strings", tensor(datatype="BYTES", shape=[1, 2], data=["a", "한글"]), model="text"),
    infer("empty strings", tensor(datatype="BYTES", shape=[1, 2], data=["", '"\n\\']), model="text"),
    infer("integers", tensor(datatype="INT32", shape=[1, 3], data=[-(2**31), 0, 7]), model="whole"),
    infer("no batch axis", tensor(shape=[2, 3], data=[*ROW, 5, 6]), model="fixed"),
    infer("a picture", tensor("image", "UINT8", [1, 28, 28, 1], [0] * 784), model="numbers"),
    post("not a number", '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,4],'
         '"data":[NaN,Infinity,-Infinity,-0.0]}]}'),
    post("a blank around", f' \n{json.dumps({"inputs": [tensor()]})}\n'),
    post("another content type", json.dumps({"inputs": [tensor()]}), Content_Type="text/plain"),
    post("gzip", gzip.compress(json.dumps({"inputs": [tensor()]}).encode(), mtime=0),
         Content_Encoding="gzip"),
    post("deflate", zlib.compress(json.dumps({"inputs": [tensor()]}).encode()),
         Content_Encoding="deflate"),
    post("gzip wanted for a long answer", json.dumps({"inputs": [LONG]}), "text",
         Accept_Encoding="gzip"),
    post("deflate wanted for a long answer", json.dumps({"inputs": [LONG]}), "text",
         Accept_Encoding="deflate"),
    post("gzip wanted", json.dumps({"inputs": [tensor()]}), Accept_Encoding="gzip"),
    post("deflate wanted", json.dumps({"inputs": [tensor()]}), Accept_Encoding="deflate"),
    post("brotli wanted", json.dumps({"inputs": [tensor()]}), Accept_Encoding="br"),
    post("raw binary", FLOATS, Inference_Header_Content_Length="0"),
    binary("binary in, JSON out", {"inputs": [raw_tensor(16)]}, FLOATS),
    binary("binary both ways", {"inputs": [raw_tensor(16)],
                                "parameters": {"binary_data_output": True}}, FLOATS),
    binary("one binary, one JSON",
           {"inputs": [raw_tensor(12, name="a", shape=[1, 3]),
                       tensor("b", shape=[1, 3], data=[1, 2, 3])]}, FLOATS[:12], model="pair"),
    binary("strings that are not UTF-8", {"inputs": [raw_tensor(9, datatype="BYTES", shape=[1, 2])],
                                          "parameters": {"binary_data_output": True}},
           LATIN, model="text"),
    binary("binary strings", {"inputs": [raw_tensor(10, datatype="BYTES", shape=[1, 2])],
                              "parameters": {"binary_data_output": True}},
           ones("bytes"), model="text"),
    binary("half precision", {"inputs": [raw_tensor(8, datatype="FP16")],
                              "parameters": {"binary_data_output": True}},
           np.float16(ROW).tobytes(), model="half"),
    binary("half precision, JSON out", {"inputs": [raw_tensor(8, datatype="FP16")]},
           np.float16(ROW).tobytes(), model="half"),
    all_kinds(),
]  # fmt: skip
