"""What breaks when grpcio, the client that most callers have, is not gentle with a server.

h2load sees speed; this sees broken connections and statuses that do not arrive.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.calls import infer_message
from benchmarks.inputs import golden
from serving.api import oip

_THREADS = 32
_TIMEOUT_S = 10.0
_REFUSED_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Faults:
    """What came back.

    Attributes:
        answers: Calls that were answered, of many threads on one channel.
        failures: The others, by gRPC's name for the status.
        refusal: The status of a long request for an unknown model; NOT_FOUND is right.
    """

    answers: int
    failures: dict[str, int]
    refusal: str


def look(address: str, store: Path, *, seconds: float) -> Faults:
    """Call from many threads on one channel, then once with what must be refused."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(address, options) as channel:
        infer = channel.unary_unary(oip.MODEL_INFER)
        counted = _call_from_threads(infer, infer_message(golden(store, 1)), seconds)
        long = infer_message(golden(store, _REFUSED_ROWS), "nobody")
        refusal = _status(infer, long)
    return Faults(counted.pop("OK", 0), dict(counted), refusal)


def _call_from_threads(
    infer: grpc.UnaryUnaryMultiCallable, message: bytes, seconds: float
) -> Counter[str]:
    statuses: list[str] = []  # appending is atomic
    end = time.monotonic() + seconds

    def call() -> None:
        while time.monotonic() < end:
            statuses.append(_status(infer, message))

    threads = [threading.Thread(target=call) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)


def _status(infer: grpc.UnaryUnaryMultiCallable, message: bytes) -> str:
    try:
        infer(message, timeout=_TIMEOUT_S)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"
