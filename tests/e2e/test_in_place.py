"""Compose files written for TensorFlow Serving's image, with our image's name in them."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from serving.api.protos import tensorflow_serving_pb2 as pb
from tests.e2e.test_compose import ROOT, docker, wait_until, why_no_engine
from tests.support import BUNDLED_STORE

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

GET_STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
COMPOSE = """
services:
  single:
    image: {image}
    environment:
      - MODEL_NAME=numbers
    ports: ["127.0.0.1:0:8500", "127.0.0.1:0:8501"]
    volumes:
      - {folder}/numbers:/models/numbers
  several:
    image: {image}
    command: ["--model_config_file=/models/models.config", "--tensorflow_session_parallelism=2"]
    ports: ["127.0.0.1:0:8500", "127.0.0.1:0:8501"]
    volumes:
      - {folder}:/models
"""
SEVERAL = """
model_config_list {
  config {
    name: "first" base_path: "/models/numbers" model_platform: "tensorflow"
    model_version_policy { specific { versions: 1 } }
    version_labels { key: "stable" value: 1 }
  }
  config { name: "second" base_path: "/models/numbers" model_platform: "tensorflow" }
}
"""


@dataclass(frozen=True)
class Deployed:
    """The compose file, up."""

    file: Path
    project: str

    def compose(self, *arguments: str) -> str:
        return docker("compose", "-f", str(self.file), "-p", self.project, *arguments)

    def address(self, service: str, port: int) -> str:
        return self.compose("port", service, str(port))

    def ask(self, service: str, path: str, question: object = None) -> Any:
        body = None if question is None else json.dumps(question).encode()
        request = urllib.request.Request(f"http://{self.address(service, 8501)}{path}", body)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with closing(opener.open(request, timeout=30)) as response:
            return json.load(response)

    def is_available(self, service: str, model: str) -> bool:
        try:
            found = self.ask(service, f"/v1/models/{model}")["model_version_status"]
        except (OSError, urllib.error.URLError):
            return False
        return [each["state"] for each in found] == ["AVAILABLE"]


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    if reason := why_no_engine():
        pytest.skip(reason)
    name = f"easel-in-place-{secrets.token_hex(4)}"
    (ROOT / "build").mkdir(exist_ok=True)
    # Not pytest's folder, which the container's user cannot enter.
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as created:
        folder = Path(created)
        folder.chmod(0o755)
        (folder / "numbers" / "1").mkdir(parents=True)
        shutil.copy(BUNDLED_STORE / "numbers/1/model.onnx", folder / "numbers/1/model.onnx")
        (folder / "models.config").write_text(SEVERAL)
        file = folder / "docker-compose.yml"
        file.write_text(COMPOSE.format(image=name, folder=folder))
        found = Deployed(file, name)
        try:
            docker("build", "-q", "-f", "docker/Dockerfile", "--target", "server", "-t", name, ".")
            found.compose("up", "--detach")
            yield found
        finally:
            print(found.compose("logs", "--no-color"))
            found.compose("down", "--volumes")
            docker("image", "rm", "--force", name)


def status_over_grpc(address: str, model: str) -> list[int]:
    request = pb.GetModelStatusRequest()
    request.model_spec.name = model
    with grpc.insecure_channel(address) as channel:
        answer = channel.unary_unary(GET_STATUS)(request.SerializeToString(), timeout=30)
    found = pb.GetModelStatusResponse.FromString(answer).model_version_status
    return [each.state for each in found]


@pytest.mark.parametrize(
    ("service", "model", "target"),
    [
        ("single", "numbers", "numbers"),
        ("several", "first", "first/labels/stable"),
        ("several", "second", "second"),
    ],
)
def test_tf_servings_clients_find_what_they_had(deployed: Deployed, service, model, target):
    wait_until(lambda: deployed.is_available(service, model), f"{service} serves {model}")
    golden = np.load(BUNDLED_STORE / "numbers/1/golden.npz")
    question = {"instances": golden["input:image"][:2].tolist()}
    scores = deployed.ask(service, f"/v1/models/{target}:predict", question)["predictions"]
    np.testing.assert_allclose(scores, golden["output:scores"][:2], atol=1e-5)
    available = pb.ModelVersionStatus.AVAILABLE
    assert status_over_grpc(deployed.address(service, 8500), model) == [available]


@pytest.mark.parametrize("command", ["tensorflow_model_server", "tf_serving_entrypoint.sh"])
def test_the_server_is_there_by_its_other_names(deployed: Deployed, command: str):
    said = deployed.compose("exec", "-T", "single", command, "--version")
    assert said.startswith("easel ")
