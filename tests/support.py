"""What several tests need: tiny graphs, stores, real servers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model_store.digests import digest_folder
from model_store.manifest import Manifest
from model_store.ports import ModelStore
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion, Signature, TensorSpec
from model_store.store import Store
from serving.config import ServerConfig
from serving.server import serve
from serving.started import Started

ROOT = Path(__file__).parents[1]
BUNDLED_STORE = ROOT / "model_store" / "models"

_ONNX = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "int64": TensorProto.INT64}
TIMES_TWO = Signature(
    (TensorSpec("x", "float32", (None, 3)),), (TensorSpec("y", "float32", (None, 3)),)
)


def linear_graph(path: Path, signature: Signature, factor: float) -> None:
    """Write a graph that computes ``output = first input * factor``."""
    first, output = signature.inputs[0], signature.outputs[0]
    constant = numpy_helper.from_array(np.float32(factor), "factor")
    graph = helper.make_graph(
        [helper.make_node("Mul", [first.name, "factor"], [output.name])],
        "linear",
        [_value(spec) for spec in signature.inputs],
        [_value(spec) for spec in signature.outputs],
        [constant],
    )
    save_graph(path, graph)


def save_graph(path: Path, graph: onnx.GraphProto) -> None:
    """Write *graph* as a model that this ONNX Runtime loads."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _value(spec: TensorSpec) -> onnx.ValueInfoProto:
    shape = ["N" if size is None else size for size in spec.shape]
    return helper.make_tensor_value_info(spec.name, _ONNX[spec.dtype], shape)


def publish_linear(
    root: Path | ModelStore,
    name: str = "double",
    *,
    factor: float = 2.0,
    signature: Signature = TIMES_TWO,
    golden: Mapping[str, np.ndarray] | None = None,
    is_proven: bool = False,
) -> ModelVersion:
    """Publish a version of a linear model, optionally with golden samples and a proof."""
    store = Store(root) if isinstance(root, Path) else root
    with store.publishing(name) as (folder, publish):
        linear_graph(folder / "model.onnx", signature, factor)
        if golden is not None:
            np.savez(folder / "golden.npz", **golden)
        if is_proven:
            (folder / "parity.json").write_text('{"passed": true}')
        return publish(
            lambda model: Manifest(
                model=model,
                format="onnx",
                created="2026-01-01T00:00:00+00:00",
                signatures={DEFAULT_SIGNATURE: signature},
                files=digest_folder(folder),
                golden_file="golden.npz" if golden is not None else None,
                parity_file="parity.json" if is_proven else None,
            )
        )


@dataclass
class RunningServer:
    """A server in this process, on its own thread and event loop."""

    address: str
    http: str
    started: Started
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event


@contextmanager
def running_server(store: Path, **settings: object) -> Iterator[RunningServer]:
    """Serve *store* on a port that the system chooses, until the block ends."""
    config = replace(
        ServerConfig(store=str(store), port=0, rest_api_port=0, drain_s=5.0), **settings
    )  # type: ignore[arg-type]
    ready: list[RunningServer] = []
    begun = threading.Event()
    failure: list[BaseException] = []

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def announce(started: Started) -> None:
            ready.append(RunningServer(started.address, started.http, started, loop, stop))
            begun.set()

        try:
            await serve(config, stop, announce)
        except BaseException as error:
            failure.append(error)
        finally:
            begun.set()

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="test-server")
    thread.start()
    begun.wait(30)
    try:
        if failure:
            raise failure[0]
        yield ready[0]
    finally:
        if ready:
            with suppress(RuntimeError):  # the test has stopped it, and the loop is closed
                ready[0].loop.call_soon_threadsafe(ready[0].stop.set)
        thread.join(30)
    assert not thread.is_alive()
    if failure:
        raise failure[0]


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def easel(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A real ``easel`` process in its own process group, ended with the block."""
    process = subprocess.Popen(
        easel_command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def easel_command(*arguments: str) -> Sequence[str]:
    """The console command, in the runtime's own light environment where there is one."""
    python = os.environ.get("EASEL_RUNTIME_PYTHON", sys.executable)
    return [python, "-m", "easel.cli", *arguments]


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Read *process*' output up to the line that holds *text*."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"the process ended before saying {text!r}:\n{seen}")


def wait_until_it_answers(process: subprocess.Popen[str], port: int) -> None:
    """Ask the adapter in *process* until it says that it lives."""
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60).close()
        except OSError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
                raise AssertionError(f"the process ended with {process.returncode}") from None
        else:
            return
