"""The module that a WSGI server's worker imports, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapter.config import WORKER_CONFIG_VARIABLE, AdapterConfig, Settings
from model_store.settings import to_json

ROOT = Path(__file__).parents[2]
ASK = """
import sys
from adapter.wsgi import app
response = app.test_client().get(sys.argv[1])
print(response.status_code, app.config["MAX_CONTENT_LENGTH"])
"""


def ask(path: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ASK, path],
        cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/readyz", 503), ("/", 200)])
def test_a_worker_answers_with_what_the_command_handed_to_it(path, status):
    config = AdapterConfig(model_server="127.0.0.1:1", max_body_bytes=77)
    done = ask(path, **{WORKER_CONFIG_VARIABLE: to_json(Settings(config))})
    assert done.stdout.split() == [str(status), "77"], done.stderr


def test_without_the_command_any_wsgi_server_can_run_it_from_the_environment(tmp_path):
    (tmp_path / "easel.toml").write_text("[adapter]\nmax_body_bytes = 78\n")
    done = ask(
        "/readyz",
        EASEL_ADAPTER_MODEL_SERVER="127.0.0.1:1",
        EASEL_CONFIG=str(tmp_path / "easel.toml"),
    )
    assert done.stdout.split() == ["503", "78"], done.stderr


def test_the_worker_needs_neither_the_graphs_runtime_nor_a_framework():
    heavy = (
        "google.auth",
        "soundfile",
        "onnxruntime",
        "onnx",
        "tensorflow",
        "keras",
        "torch",
        "serving.engine",
        "export",
    )
    code = f"import sys, adapter.wsgi; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
