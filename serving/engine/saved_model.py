"""A SavedModel in a worker process of its own, behind ``serving.engine.session``.

One process for each version: TensorFlow stays out of the server, gives all its memory back
when the version is unloaded, and takes nobody with it when it dies.  A worker that died is
started again, ever more slowly; until then calls fail with UNAVAILABLE.  They are not tried
again here: the call that killed one worker would kill the next.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from model_store.errors import BadVersion, EaselError, ServableNotReady
from model_store.manifest import decode_signature
from model_store.spec import Signature
from serving.api.calls import Tensor, Tensors
from serving.engine.session import Abort, Session
from serving.engine.worker import Threads, Worker

logger = logging.getLogger(__name__)

GRAPH_FILE = "saved_model.pb"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 30.0
# A worker that lived this long did not die of its start.
_HEALTHY_S = 60.0
# One that is being started right now must finish that before it can be ended.
_LONGEST_JOIN_S = 10.0


class SavedModel:
    """One SavedModel, as long as it is served."""

    def __init__(
        self, folder: Path, *, threads: Threads, verify: Callable[[], object] = lambda: None
    ) -> None:
        """Start the worker and wait until it has loaded the SavedModel in *folder*.

        Args:
            folder: Holds ``saved_model.pb``.
            threads: Of TensorFlow; as many calls as ``inter_op`` run at the same time.
            verify: Raises if the files are not what they should be; called again before
                each later start, for they may have changed meanwhile.

        Raises:
            BadVersion: TensorFlow is not installed, or cannot load it.
        """
        if importlib.util.find_spec("tensorflow") is None:
            raise BadVersion(
                f"{folder}: a SavedModel needs TensorFlow, which is not installed here; "
                "install it with: pip install 'easel[tensorflow]'"
            )
        self._folder, self._threads, self._verify = folder, threads, verify
        self._worker: Worker | None = Worker(folder, threads)
        self._closing = threading.Event()
        facts = self._worker.facts
        self._signatures = {
            name: decode_signature(value) for name, value in facts["signatures"].items()
        }
        for name, why in facts["left_out"].items():
            logger.warning("%s: signature %s is not served: %s", folder, name, why)
        if facts["machine_ops"]:
            # What the file may do is its publisher's word, and the operator's trust.
            logger.warning(
                "%s: the graph touches files: %s", folder, ", ".join(facts["machine_ops"])
            )
        self._executor = ThreadPoolExecutor(threads.inter_op, thread_name_prefix="saved-model")
        self._keeper = threading.Thread(target=self._keep_alive, args=(self._worker,), daemon=True)
        self._keeper.start()

    @property
    def waiting(self) -> Executor | None:
        """Threads that wait for the worker, so that it can keep nobody else waiting."""
        return self._executor

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Every signature whose tensors can be sent."""
        return self._signatures

    @property
    def worker_process_id(self) -> int | None:
        """The system's number of the worker; None while there is none."""
        worker = self._worker
        return None if worker is None else worker.process_id

    def session(self, signature: str) -> Session:
        """Runs of one signature."""
        inputs = tuple(spec.name for spec in self._signatures[signature].inputs)
        return _RemoteSession(self, signature, inputs)

    def call(
        self, signature: str, outputs: Sequence[str], inputs: Sequence[Tensor], abort: Abort | None
    ) -> list[Tensor]:
        """Run *signature* in the worker; see ``Worker.call``."""
        worker = self._worker
        if worker is None:
            raise ServableNotReady("the model's worker process is being started again; try again")
        return worker.call({"signature": signature, "outputs": list(outputs)}, inputs, abort)

    def _keep_alive(self, worker: Worker) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            begun = time.monotonic()
            how = worker.wait()
            self._worker = None
            worker.close()
            if self._closing.is_set():
                return
            logger.error("%s: TensorFlow %s; it is started again", self._folder, how)
            if time.monotonic() - begun > _HEALTHY_S:
                pause_s = _FIRST_PAUSE_S
            started = None
            while started is None:
                if self._closing.wait(pause_s):
                    return
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                started = self._start_again()
            worker = self._worker = started
            if self._closing.is_set():  # which may have come before there was a worker to close
                worker.close()

    def _start_again(self) -> Worker | None:
        try:
            self._verify()
            return Worker(self._folder, self._threads)
        except EaselError as error:
            logger.error("%s", error)
            return None

    def close(self) -> None:
        """End the worker and the threads; calls in flight fail."""
        self._closing.set()
        worker = self._worker
        if worker is not None:
            worker.close()
        self._keeper.join(_LONGEST_JOIN_S)
        self._executor.shutdown(wait=False, cancel_futures=True)


class _RemoteSession:
    """One signature, run by the worker that there is at the moment."""

    def __init__(self, model: SavedModel, signature: str, inputs: Sequence[str]) -> None:
        self._model = model
        self._signature = signature
        self._inputs = inputs

    def run(
        self, outputs: Sequence[str], inputs: Tensors, abort: Abort | None = None
    ) -> list[Tensor]:
        """Compute the named *outputs*, in that order; see ``Session``."""
        tensors = [inputs[name] for name in self._inputs]
        return self._model.call(self._signature, outputs, tensors, abort)
