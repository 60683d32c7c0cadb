"""Triton's Python backend with ONNX Runtime: one model instance, in a process of its own.

The wheel has no ONNX Runtime backend.  Triton batches; an instance gets the requests of
one batch and answers each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import triton_python_backend_utils as triton

from benchmarks.peers.graphs import Graph


class TritonPythonModel:
    """Any of the models, by its name in the repository."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the graph."""
        self._graph = Graph(args["model_name"].removesuffix("_http"))

    def execute(self, requests: list[Any]) -> list[Any]:
        """One run for the whole batch."""
        graph = self._graph
        parts = [
            triton.get_input_tensor_by_name(request, graph.input).as_numpy() for request in requests
        ]
        scores = graph.run(parts[0] if len(parts) == 1 else np.concatenate(parts))
        answers, first = [], 0
        for part in parts:
            tensor = triton.Tensor(graph.output, scores[first : first + len(part)])
            answers.append(triton.InferenceResponse([tensor]))
            first += len(part)
        return answers
