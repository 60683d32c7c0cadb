"""The graph rearranged ahead of time, in ONNX's own operations only.

ONNX Runtime does the same each time it loads a graph, so this seldom makes a call faster;
``export.graph.choice`` measures whether it does.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime as ort

from export.graph.upgrade import tidy


def optimise(source: Path, target: Path) -> None:
    """Write *source* with constants folded and operations fused to *target*.

    Raises:
        Exception: Whatever ONNX Runtime raises; it has no error of its own.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4
    # Basic: what lies beyond uses operations and layouts of this runtime and this processor.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    onnx.save(tidy(onnx.load(target)), target)
