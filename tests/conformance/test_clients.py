"""The official clients, each in its own environment, against a running server.

They get the scores that ONNX Runtime gives directly.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from serving.api.protos import pool
from tests.conformance.environments import run_in
from tests.support import BUNDLED_STORE, RunningServer

VERSION = BUNDLED_STORE / "numbers" / "1"


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> tuple[Path, np.ndarray]:
    """Twelve digits in a file, and the scores that ONNX Runtime gives for them."""
    path = tmp_path_factory.mktemp("input") / "images.npz"
    batch = np.load(VERSION / "golden.npz")["input:image"][:12]
    np.savez(path, image=batch)
    session = ort.InferenceSession(str(VERSION / "model.onnx"), providers=["CPUExecutionProvider"])
    return path, session.run(None, {"image": batch})[0]


def test_the_tf_serving_client_gets_what_onnx_runtime_gives(numbers_server: RunningServer, images):
    path, scores = images
    got = json.loads(run_in("tfs", "tfs_client.py", numbers_server.address, str(path)))
    for answer in (got["predict"], got["predict_version"]):
        np.testing.assert_allclose(answer["scores"], scores, atol=1e-6)
        assert answer["version"] == 1
    assert got["metadata"] == {"inputs": {"image": "uint8"}, "outputs": {"scores": "float32"}}
    assert got["states"] == [[1, "AVAILABLE"]]
    assert got["unknown"] == ["NOT_FOUND", "Servable not found for request: Latest(nope)"]


def test_the_triton_client_gets_what_onnx_runtime_gives(numbers_server: RunningServer, images):
    path, scores = images
    got = json.loads(run_in("triton", "triton_client.py", numbers_server.address, str(path)))
    assert (got["live"], got["ready"], got["model_ready"]) == (True, True, [True, True, False])
    for form in ("infer", "infer_gzip", "infer_named_output", "infer_aio"):
        np.testing.assert_allclose(got[form]["scores"], scores, atol=1e-6)
        assert (got[form]["version"], got[form]["id"]) == ("1", "7")
    assert got["metadata"]["inputs"] == [
        {"name": "image", "datatype": "UINT8", "shape": ["-1", "28", "28", "1"]}
    ]
    assert got["unknown"] == [
        "StatusCode.NOT_FOUND",
        "Request for unknown model: 'nope' is not found",
    ]


@pytest.mark.parametrize("client", ["tfs", "triton"])
def test_our_messages_have_the_official_names_numbers_and_types(client: str):
    official = json.loads(run_in(client, "wire_shapes.py", client))
    compared = 0
    for name, fields in official.items():
        try:
            ours = pool.POOL.FindMessageTypeByName(name)
        except KeyError:
            continue
        for field in ours.fields:
            kind = field.message_type or field.enum_type
            mine = [field.number, field.type, field.is_repeated, kind.full_name if kind else ""]
            assert fields[field.name] == mine, f"{name}.{field.name}"
            compared += 1
    assert compared > 30
