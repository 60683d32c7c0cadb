"""ONNX Runtime on an author's machine: opening a graph and running it.

The server has a session of its own kind (``serving.engine``); this one is for proofs and
measurements.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from export.graph.problems import of_loading, refuse
from export.tensors import Tensors


def open_session(
    graph: onnx.ModelProto | Path, *, threads: int = 0, optimized: bool = True
) -> ort.InferenceSession:
    """Load a graph.

    Args:
        graph: A model, or a file where weights may stand beside the graph.
        threads: Of one run; 0 lets ONNX Runtime take every core.
        optimized: Whether the graph may be rearranged for speed.

    Raises:
        ExportRefused: ONNX Runtime cannot load it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what fails is raised, and told once
    # Threads that wait by spinning take the cores from whoever is measured beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = str(graph) if isinstance(graph, Path) else graph.SerializeToString()
    try:
        return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        refuse([of_loading(error)])
        raise  # for the type checker: refuse() has raised


def run(session: ort.InferenceSession, inputs: Tensors) -> dict[str, NDArray[Any]]:
    """Run once; strings are numpy's byte strings on both sides.

    Raises:
        Exception: Whatever ONNX Runtime raises; it has no error of its own.
    """
    names = [output.name for output in session.get_outputs()]
    given = {
        name: np.char.decode(tensor, "utf-8").astype(object) if tensor.dtype.kind == "S" else tensor
        for name, tensor in ((name, np.asarray(value)) for name, value in inputs.items())
    }
    found = session.run(names, given)
    return {
        name: np.char.encode(tensor.astype(str), "utf-8") if tensor.dtype == object else tensor
        for name, tensor in zip(names, map(np.asarray, found), strict=True)
    }
