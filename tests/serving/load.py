"""Callers that never stop, for tests of what must not be noticed by any of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import grpc
import numpy as np

from serving.api import tfs
from serving.api.calls import ModelRef, Prediction

X = np.float32([[1, 2, 3], [4, 5, 6]])


class Load:
    """Threads that call ``double``, whose version n multiplies by n, and check each answer.

    A thread ends with its first failure.

    Attributes:
        answers: How many were right.
        failures: What else happened.
    """

    def __init__(self, address: str, refs: tuple[ModelRef, ...]) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self._address = address
        self._refs = refs
        self._newest = 0
        self._last = 0
        self._changed = threading.Condition()
        self._is_over = threading.Event()

    def wait_for(self, version: int) -> None:
        """Return when *version*, or a newer one, has answered somebody."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._newest >= version or self.failures, 30)
        assert came, f"version {version} never answered"
        assert not self.failures, self.failures[:3]

    def wait_for_last(self, version: int) -> None:
        """Return when *version* gave the last answer."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._last == version or self.failures, 30)
        assert came, f"version {version} never answered again"
        assert not self.failures, self.failures[:3]

    def wait_for_answers(self, count: int) -> None:
        """Return when there were so many more answers."""
        with self._changed:
            end = self.answers + count
            assert self._changed.wait_for(lambda: self.answers >= end, 30), self.failures[:3]

    def stop(self) -> None:
        """Begin no more calls."""
        self._is_over.set()

    def run(self) -> None:
        """Call until told to stop."""
        with grpc.insecure_channel(self._address) as channel:
            predict = channel.unary_unary(tfs.PREDICT)
            for ref in cycle(self._refs):
                if self._is_over.is_set() or not self._call(predict, ref):
                    return

    def _call(self, predict: grpc.UnaryUnaryMultiCallable, ref: ModelRef) -> bool:
        failure, version = "", 0
        try:
            answer = tfs.decode_predict_response(
                predict(tfs.encode_predict_request(Prediction(ref, {"x": X})), timeout=20)
            )
            version = answer.model.number
            if not np.array_equal(answer.outputs["y"], X * version):
                failure = f"version {version} gave {answer.outputs['y']}"
        except grpc.RpcError as error:
            failure = f"{ref}: {error.code()}: {error.details()}"
        with self._changed:
            self.answers += not failure
            if failure:
                self.failures.append(failure)
            self._newest = max(version, self._newest)
            self._last = version
            self._changed.notify_all()
        return not failure


@contextmanager
def under_load(
    address: str, *, callers: int = 4, refs: tuple[ModelRef, ...] = (ModelRef("double"),)
) -> Iterator[Load]:
    """Call from several threads until the block ends; every caller has ended then."""
    load = Load(address, refs)
    threads = [threading.Thread(target=load.run) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop()
        for thread in threads:
            thread.join(60)
