"""A graph in ONNX Runtime, behind ``serving.engine.session``."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from model_store.errors import BadVersion, EaselError, TensorMismatch
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec
from serving.api.calls import Tensor, Tensors
from serving.engine.elastic import widened
from serving.engine.golden import zero_row
from serving.engine.onnx_bfloat16 import run_values
from serving.engine.onnx_file import read_facts
from serving.engine.session import Abort, Session

logger = logging.getLogger(__name__)

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(string)": "bytes",
}


class OnnxModel:
    """One ONNX graph in memory; all of its signatures run the same session."""

    waiting = None  # a run is a call in this process

    def __init__(
        self,
        path: Path,
        *,
        intra_op_threads: int,
        names: Iterable[str] = (DEFAULT_SIGNATURE,),
        may_read: Collection[str] | None = None,
    ) -> None:
        """Load the graph at *path*.

        Args:
            path: The ONNX file.
            intra_op_threads: Threads of one run.
            names: Of the signatures; a graph knows of none.
            may_read: Files beside it that weights may come from; None for any.

        Raises:
            BadVersion: ONNX Runtime cannot load it, or it reads other files.
        """
        self._path, self._may_read = path, may_read
        session = OrtSession(path, intra_op_threads=intra_op_threads, may_read=may_read)
        self._signatures = dict.fromkeys(names, session.signature)
        self._session: Session | None = session

    def widen(self, threads: int, *, above_s: float, is_crowded: Callable[[], bool]) -> None:
        """Load the graph a second time, if a run alone is faster with so many *threads*.

        A graph that runs a row of zeros within *above_s* seconds stays as it is; no run is
        alone while other processes keep all cores busy: while *is_crowded*.
        """
        narrow = self.session(next(iter(self._signatures)))
        signature = next(iter(self._signatures.values()))
        names, zeros = [spec.name for spec in signature.outputs], zero_row(signature)

        def load() -> Session:
            return OrtSession(self._path, intra_op_threads=threads, may_read=self._may_read)

        try:
            self._session = widened(
                narrow, load, lambda each: each.run(names, zeros), above_s, is_crowded
            )
        except Exception as error:  # what a graph raises at zeros has no common base
            logger.info("%s: no trial with %d threads: %s", self._path, threads, error)

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """The whole graph, under each of the names."""
        return self._signatures

    def session(self, signature: str) -> Session:
        """The graph's session, whichever the *signature*."""
        if self._session is None or signature not in self._signatures:
            raise EaselError(f"the model was unloaded, or has no signature {signature}")
        return self._session

    def close(self) -> None:
        """Let go of the graph; it is freed when the last run has ended."""
        self._session = None


class OrtSession:
    """Runs of one graph."""

    def __init__(
        self, path: Path, *, intra_op_threads: int, may_read: Collection[str] | None = None
    ) -> None:
        """Load and optimise the graph at *path*; see ``OnnxModel``.

        Raises:
            BadVersion: ONNX Runtime cannot load it, or it reads other files.
        """
        facts = read_facts(path)
        if may_read is not None:
            _check_external(path, facts.external, may_read)
        options = ort.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads burn the cores that the transport and the neighbours need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            # From a path and not from bytes: weights beside the graph are found that way.
            session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        # ONNX Runtime's exceptions have no common base of their own.
        except Exception as error:
            raise BadVersion(
                f"{path}: ONNX Runtime {ort.__version__} cannot load it ({facts}): {error}"
            ) from error
        self.signature = _signature(session, facts.unranked)
        self._session = session
        specs = (*self.signature.inputs, *self.signature.outputs)
        self._has_bfloat16 = any(spec.dtype == "bfloat16" for spec in specs)
        self._texts = frozenset(
            spec.name for spec in self.signature.inputs if spec.dtype == "bytes"
        )

    def run(
        self, outputs: Sequence[str], inputs: Tensors, abort: Abort | None = None
    ) -> list[Tensor]:
        """Compute the named *outputs*, in that order; see ``Session``.

        Raises:
            TensorMismatch: A string is not UTF-8, which ONNX Runtime cannot take.
        """
        options: ort.RunOptions | None = None
        if abort is not None:
            options = ort.RunOptions()
            abort.bind(lambda: setattr(options, "terminate", True))
        if self._texts:
            inputs = {
                name: _bytes_as_text(name, tensor) if name in self._texts else tensor
                for name, tensor in inputs.items()
            }
        results: list[Tensor]
        if self._has_bfloat16:
            results = run_values(self._session, outputs, inputs, options)
        else:
            results = self._session.run(outputs, inputs, options)
        return [_text_as_bytes(result) for result in results]


def _bytes_as_text(name: str, tensor: Tensor) -> Tensor:
    """ONNX Runtime would take ``repr`` of a bytes object."""
    decoded = np.empty(tensor.size, object)
    try:
        decoded[:] = [item.decode("utf-8") for item in tensor.flat]
    except UnicodeDecodeError as error:
        raise TensorMismatch(f"input {name!r}: a string is not UTF-8: {error}") from error
    return decoded.reshape(tensor.shape)


def _text_as_bytes(tensor: Tensor) -> Tensor:
    if tensor.dtype != np.object_:
        return tensor
    encoded = np.empty(tensor.size, object)
    encoded[:] = [text.encode() if isinstance(text, str) else text for text in tensor.flat]
    return encoded.reshape(tensor.shape)


def _check_external(path: Path, external: Collection[str], may_read: Collection[str]) -> None:
    for location in sorted(external):
        if posixpath.normpath(location) not in may_read:
            raise BadVersion(
                f"{path}: its weights are in {location!r}, which is not among the manifest's files"
            )


def _signature(session: ort.InferenceSession, unranked: Collection[str]) -> Signature:
    return Signature(
        tuple(_spec(node, unranked) for node in session.get_inputs()),
        tuple(_spec(node, unranked) for node in session.get_outputs()),
    )


def _spec(node: ort.NodeArg, unranked: Collection[str]) -> TensorSpec:
    dtype = _DTYPES.get(node.type, node.type)
    if dtype.startswith("tensor("):
        dtype = dtype[len("tensor(") : -1]
    # An empty shape is a scalar's, or nobody's; ONNX Runtime may have inferred the others.
    if not node.shape and node.name in unranked:
        return TensorSpec(node.name, dtype, None)
    shape = tuple(size if isinstance(size, int) else None for size in node.shape)
    return TensorSpec(node.name, dtype, shape)
