"""The process that runs one SavedModel: TensorFlow is imported here and nowhere else.

Started by ``serving.engine.worker`` as ``python -m serving.engine.saved_model_worker FOLDER
FD INTRA_OP_THREADS INTER_OP_THREADS``.  FD is one end of a socket pair: over it go the
signatures, or why there are none; after that each message on it brings one more socket,
whose requests are answered in a thread of its own.  The process ends with its server.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from model_store.errors import BadVersion
from model_store.spec import Method, Signature, TensorSpec
from serving.api.calls import SERVED_DTYPES, Tensor
from serving.engine.tensor_frames import FrameError, receive_frame, send_frame

# The peer shut its side down, which is how it says that it waits no longer.
_GONE = getattr(select, "POLLRDHUP", select.POLLHUP)
_SERVE = "serve"
_NOT_BEGUN = "Function was cancelled before it was started"
_INIT_SIGNATURES = ("__saved_model_init_op", "__saved_model_train_op")
_METHODS: Mapping[str, Method] = {
    "tensorflow/serving/classify": "classify",
    "tensorflow/serving/regress": "regress",
}
# A Python function is not in the file: only the process that made it could call it.
_PYTHON_OPS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
_MACHINE_OPS = frozenset(
    {
        "ReadFile",
        "WriteFile",
        "MatchingFiles",
        "DebugIdentity",
        "DebugIdentityV2",
        "DebugIdentityV3",
    }
)


def main(arguments: Sequence[str]) -> None:
    """Load, tell the server, and answer until the server is gone."""
    # Ctrl-C and a service manager's SIGTERM reach the whole group: the server drains, and
    # its calls still need this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    folder, descriptor, intra_op_threads, inter_op_threads = arguments
    control = socket.socket(fileno=int(descriptor))
    threading.Thread(target=_end_with, args=(control,), daemon=True).start()
    try:
        model = Model(Path(folder), int(intra_op_threads), int(inter_op_threads))
    except BadVersion as error:
        send_frame(control, {"error": str(error)})
        return
    except Exception as error:  # TensorFlow's errors have no common base
        send_frame(control, {"error": f"{type(error).__name__}: {error}"})
        return
    send_frame(control, model.facts)
    _serve(control, model)


def _end_with(control: socket.socket) -> None:
    """End this process as soon as the server's end of *control* is closed, even by kill -9."""
    poll = select.poll()
    poll.register(control, _GONE)
    poll.poll()
    os._exit(0)


class Model:
    """A SavedModel's signatures as functions."""

    def __init__(self, folder: Path, intra_op_threads: int, inter_op_threads: int) -> None:
        """Import TensorFlow and load the SavedModel in *folder*."""
        with _quiet():
            import tensorflow as tf
            from tensorflow.python.eager import cancellation
            from tensorflow.python.saved_model import loader_impl
        tf.get_logger().setLevel("ERROR")
        tf.config.threading.set_intra_op_parallelism_threads(intra_op_threads)
        tf.config.threading.set_inter_op_parallelism_threads(inter_op_threads)
        self._tf, self._cancellation = tf, cancellation
        graph = _graph_to_serve(loader_impl.parse_saved_model(str(folder)).meta_graphs)
        operations = _operations(graph.graph_def)
        if forbidden := sorted(operations & _PYTHON_OPS):
            raise BadVersion(
                f"it calls Python functions ({', '.join(forbidden)}), which no file has"
            )
        self._signatures, left_out = self._read_signatures(graph.signature_def)
        if not self._signatures:
            raise BadVersion(f"it has no signature that can be served: {left_out}")
        # Kept: the functions do not keep the variables alive.
        self._loaded = tf.saved_model.load(str(folder), tags=[_SERVE])
        self._functions = {name: self._loaded.signatures[name] for name in self._signatures}
        self.facts = {
            "signatures": {name: asdict(each) for name, each in self._signatures.items()},
            "left_out": left_out,
            "machine_ops": sorted(operations & _MACHINE_OPS),
        }

    def _read_signatures(
        self, definitions: Mapping[str, Any]
    ) -> tuple[dict[str, Signature], dict[str, str]]:
        """Signatures that can be served, and why others cannot."""
        signatures, left_out = {}, {}
        for name, definition in sorted(definitions.items()):
            if name in _INIT_SIGNATURES:
                continue
            try:
                signatures[name] = Signature(
                    tuple(self._spec(*item) for item in sorted(definition.inputs.items())),
                    tuple(self._spec(*item) for item in sorted(definition.outputs.items())),
                    _METHODS.get(definition.method_name, "predict"),
                )
            except BadVersion as error:
                left_out[name] = str(error)
        return signatures, left_out

    def _spec(self, name: str, info: Any) -> TensorSpec:
        dtype = self._tf.as_dtype(info.dtype).name
        if dtype == "string":
            dtype = "bytes"
        elif dtype not in SERVED_DTYPES or info.WhichOneof("encoding") != "name":
            raise BadVersion(f"{name} is {dtype}, which cannot be sent")
        if info.tensor_shape.unknown_rank:
            return TensorSpec(name, dtype, None)
        sizes = [dim.size for dim in info.tensor_shape.dim]
        return TensorSpec(name, dtype, tuple(None if size < 0 else size for size in sizes))

    def run(
        self, signature: str, outputs: Sequence[str], inputs: Sequence[Tensor], cancel: Any
    ) -> list[Tensor]:
        """Compute *outputs* from inputs in the order of the signature."""
        arguments = {
            spec.name: self._tf.constant(tensor, "string" if spec.dtype == "bytes" else spec.dtype)
            for spec, tensor in zip(self._signatures[signature].inputs, inputs, strict=True)
        }
        with self._cancellation.CancellationManagerContext(cancel):
            results = self._functions[signature](**arguments)
        return [_as_array(results[name].numpy()) for name in outputs]

    def new_cancel(self) -> Any:
        """What ends a run when its ``start_cancel`` is called."""
        return self._cancellation.CancellationManager()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow writes greetings to the error stream before it can be told not to."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _graph_to_serve(graphs: Sequence[Any]) -> Any:
    for graph in graphs:
        if set(graph.meta_info_def.tags) == {_SERVE}:
            return graph
    raise BadVersion(f"it has no graph with the tag {_SERVE!r} alone")


def _operations(graph: Any) -> set[str]:
    """Names of all operators, also those in functions."""
    inner = [node.op for function in graph.library.function for node in function.node_def]
    return {node.op for node in graph.node} | set(inner)


def _as_array(value: Any) -> Tensor:
    """Scalars come as numpy's, strings of them as bytes."""
    return np.asarray(value, object if isinstance(value, bytes) else None)


class _Caller:
    """One connection of the server: one request at a time, each may be given up."""

    def __init__(self, peer: socket.socket, model: Model) -> None:
        self._peer = peer
        self._model = model
        self._cancel = model.new_cancel()
        self._is_given_up = False
        threading.Thread(target=self._answer_all, daemon=True).start()

    def give_up(self) -> None:
        """Nobody waits for this connection's answer any more."""
        self._is_given_up = True
        self._cancel.start_cancel()

    def _answer_all(self) -> None:
        with contextlib.suppress(FrameError, OSError):
            while not self._is_given_up:
                head, inputs = receive_frame(self._peer)
                try:
                    tensors = self._run(head, inputs)
                except Exception as error:  # whatever a graph raises is the answer
                    send_frame(self._peer, _failure(error))
                else:
                    send_frame(self._peer, {}, tensors)

    def _run(self, head: Mapping[str, Any], inputs: Sequence[Tensor]) -> list[Tensor]:
        try:
            return self._run_once(head, inputs)
        except Exception as error:  # TensorFlow's errors have no common base
            # While others are cancelled TensorFlow at times does not begin with this one either.
            if self._is_given_up or _NOT_BEGUN not in str(error):
                raise
            return self._run_once(head, inputs)

    def _run_once(self, head: Mapping[str, Any], inputs: Sequence[Tensor]) -> list[Tensor]:
        # A new one each time: a run that fails leaves its own cancelled.
        self._cancel = self._model.new_cancel()
        if self._is_given_up:
            self._cancel.start_cancel()
        return self._model.run(head["signature"], head["outputs"], inputs, self._cancel)


def _failure(error: Exception) -> dict[str, Any]:
    """TensorFlow's errors have a status; their number is gRPC's."""
    message = getattr(error, "message", None) or str(error)
    # What was wrong stands between where TensorFlow's source and where the graph say it was.
    what, _, _ = message.rpartition("<stack traces unavailable>\n")[2].partition("\n\t [[")
    return {"error": what, "code": getattr(error, "error_code", None)}


def _serve(control: socket.socket, model: Model) -> None:
    """Take connections from *control*, and notice those whose server waits no longer."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    callers: dict[int, _Caller] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor != control.fileno():
                poll.unregister(descriptor)
                callers.pop(descriptor).give_up()
                continue
            _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            for new in descriptors:
                callers[new] = _Caller(socket.socket(fileno=new), model)
                poll.register(new, _GONE)
            if not descriptors:
                return


if __name__ == "__main__":
    main(sys.argv[1:])
