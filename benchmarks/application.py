"""``python -m benchmarks.application``: our own Python for one call, without sockets.

Drives the ASGI application in this process, with a stand-in for the server under it, and
reports the processor time of the quickest of many short stretches: what a change costs
or saves shows to a microsecond, even on a machine that others use.  ONNX Runtime's part
is measured apart and is in the sum.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import inputs
from benchmarks.load import Call
from benchmarks.peers import apis
from benchmarks.processes import ROOT
from serving.application import build_app
from serving.config import ServerConfig
from serving.engine.onnx_runtime import OrtSession
from serving.observing.setup import start_observing
from serving.server import build_engine

_STRETCH = 256
_APIS = {
    "gRPC, ModelInfer": apis.oip_grpc,
    "gRPC, Predict": apis.tfs_grpc,
    "HTTP, Open Inference in binary": apis.oip_binary,
    "HTTP, Open Inference in JSON": apis.oip_json,
    "HTTP, TF Serving's REST": apis.tfs_json,
}


def scope_of(call: Call) -> dict[str, Any]:
    """What an ASGI server would say of this request."""
    headers = [tuple(part.encode() for part in each.split(":", 1)) for each in call.headers]
    length = str(call.body.stat().st_size).encode()
    return {
        "type": "http",
        "http_version": "2" if call.is_grpc else "1.1",
        "method": "POST",
        "path": call.path,
        "raw_path": call.path.encode(),
        "query_string": b"",
        "scheme": "http",
        "headers": [*headers, (b"content-length", length), (b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8500),
        "extensions": {"http.response.trailers": {}},
    }


async def stretch(app: Any, call: Call, callers: int) -> float:
    """Processor microseconds of one request, over a stretch by so many callers."""
    body, scope = call.body.read_bytes(), scope_of(call)
    event = {"type": "http.request", "body": body, "more_body": False}
    statuses: set[int] = set()

    async def send(event: Any) -> None:
        if "status" in event:
            statuses.add(event["status"])

    async def caller() -> None:
        for _ in range(_STRETCH // callers):
            given = iter((event,))

            async def receive(given: Any = given) -> Any:
                found = next(given, None)
                if found is None:
                    await asyncio.Event().wait()
                return found

            await app(dict(scope), receive, send)

    before = time.process_time()
    await asyncio.gather(*[caller() for _ in range(callers)])
    spent = time.process_time() - before
    assert statuses == {200}, statuses
    return 1e6 * spent / (_STRETCH // callers * callers)


def _run(runner: asyncio.Runner, app: Any, call: Call, callers: int) -> float:
    return runner.run(stretch(app, call, callers))


def quickest(measure: Callable[[], float], seconds: float) -> float:
    """The least of all measurements in that time."""
    end, found = time.monotonic() + seconds, [measure()]
    while time.monotonic() < end:
        found.append(measure())
    return min(found)


def graph_us(store: Path, rows: int, seconds: float) -> float:
    """ONNX Runtime's microseconds for one row of a batch."""
    session = OrtSession(inputs.graph_of(store), intra_op_threads=1)
    tensors = inputs.golden(store, rows)
    names = [spec.name for spec in session.signature.outputs]

    def measure() -> float:
        before = time.process_time()
        for _ in range(32):
            session.run(names, {tensors.name: tensors.inputs})
        return 1e6 * (time.process_time() - before) / 32 / rows

    return quickest(measure, seconds)


def main() -> None:
    """Measure each API with one caller and with many, print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.application", description=__doc__)
    parser.add_argument("--store", type=Path, default=ROOT / "model_store/models")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    flags = parser.parse_args()
    config = ServerConfig(store=str(flags.store))
    engine = build_engine(config)
    with asyncio.Runner() as runner, TemporaryDirectory() as work:
        runner.run(engine.load_all())
        app = build_app(config, engine, start_observing(config, engine, None))
        print("microseconds of a processor, by callers:", *flags.callers, sep="\t")
        rows = [f"{graph_us(flags.store, each, flags.seconds):.0f}" for each in flags.callers]
        print("ONNX Runtime alone, in one run", *rows, sep="\t")
        for name, api in _APIS.items():
            file = Path(work) / "body"
            call = apis.to_call(api, inputs.MODEL, 1, flags.store, file)
            found = [
                quickest(partial(_run, runner, app, call, callers), flags.seconds)
                for callers in flags.callers
            ]
            print(name, *(f"{each:.0f}" for each in found), sep="\t")
        engine.close()


if __name__ == "__main__":
    main()
