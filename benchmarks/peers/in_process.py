"""The limit: the same work in a loop, with no server round it.  Prints one JSON object.

``tensor`` runs the graph on ready tensors; ``drawing`` decodes base64 and PNG and applies
the input contract first, as the adapter must, for one drawing after the other: Pillow decodes,
as in everybody's service.  ``drawing-easel`` decodes as Easel does.  Sessions are made as the
server makes them.
"""

from __future__ import annotations

import argparse
import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import drawings, inputs
from benchmarks.load import percentiles_ms
from benchmarks.peers.recognition import read_by_pillow
from model_store.contract import ImageContract
from model_store.preprocess import to_tensor
from serving.engine.onnx_runtime import OrtSession

_WARM_UP_S = 0.2
Read = Callable[[bytes, ImageContract], NDArray[np.uint8]]
_READERS: Mapping[str, Read] = {"drawing": read_by_pillow, "drawing-easel": to_tensor}


def tensor_work(store: Path, model: str, rows: int, intra_op_threads: int) -> Callable[[], object]:
    """One run of the graph on *rows* images."""
    session = OrtSession(inputs.graph_of(store, model), intra_op_threads=intra_op_threads)
    tensors = inputs.golden(store, rows, model)
    names = [spec.name for spec in session.signature.outputs]
    batch = {tensors.name: tensors.inputs}
    return lambda: session.run(names, batch)


def drawing_work(store: Path, model: str, read: Read) -> Callable[[], object]:
    """One drawing, from base64 text to scores; *read* makes the tensor of a file."""
    session = OrtSession(inputs.graph_of(store, model), intra_op_threads=1)
    names = [spec.name for spec in session.signature.outputs]
    contract = inputs.contract_of(store, model)
    texts = cycle([base64.b64encode(png) for png in drawings.pictures(store, model)])
    return lambda: session.run(
        names, {contract.tensor: read(base64.b64decode(next(texts)), contract)}
    )


def loop(work: Callable[[], object], seconds: float, times_us: list[float]) -> None:
    """Repeat *work* without a pause; adds how long each time took."""
    clock = time.perf_counter
    now = clock()
    end = now + seconds
    while now < end:
        work()
        then, now = now, clock()
        times_us.append((now - then) * 1e6)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process did.

    Attributes:
        seconds: How long it looped.
        cpu_s: Its processor time meanwhile.
        times_us: Of each run.
    """

    seconds: float
    cpu_s: float
    times_us: list[float]


def measure(flags: argparse.Namespace, begin: Callable[[], object]) -> Measured:
    """Prepare, warm up, wait for *begin*, and loop in every thread."""
    work = (
        tensor_work(flags.store, flags.model, flags.rows, flags.intra_op_threads)
        if flags.work == "tensor"
        else drawing_work(flags.store, flags.model, _READERS[flags.work])
    )
    loop(work, _WARM_UP_S, [])
    times_us: list[float] = []
    threads = [
        threading.Thread(target=loop, args=(work, flags.seconds, times_us))
        for _ in range(flags.threads)
    ]
    begin()
    wall, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Measured(time.perf_counter() - wall, time.process_time() - cpu, times_us)


# In a child: where all wait for each other.
_barrier: Any = None


def _remember(barrier: Any) -> None:
    global _barrier  # noqa: PLW0603 - a pool hands it to its processes only so
    _barrier = barrier


def _measure_together(flags: argparse.Namespace) -> Measured:
    return measure(flags, _barrier.wait)


def main() -> None:
    """Warm up, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--work", choices=("tensor", *_READERS), required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--intra-op-threads", type=int, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seconds", type=float, required=True)
    flags = parser.parse_args()
    if flags.processes == 1:
        found = [measure(flags, lambda: None)]
    else:
        context = get_context("spawn")
        barrier = context.Barrier(flags.processes)
        with context.Pool(flags.processes, _remember, (barrier,)) as pool:
            found = pool.map(_measure_together, [flags] * flags.processes, chunksize=1)
    times_us = [each_us for each in found for each_us in each.times_us]
    p50_ms, p99_ms = percentiles_ms(times_us)
    print(json.dumps({
        "requests": len(times_us), "seconds": max(each.seconds for each in found),
        "p50_ms": p50_ms, "p99_ms": p99_ms,
        "server_cpu_us": 1e6 * sum(each.cpu_s for each in found) / len(times_us),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
