"""Real processes started as tensorflow_model_server is: its flags, its files, its folders."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.serving.load import under_load
from tests.support import TIMES_TWO, easel, easel_command, linear_graph, read_until

PLACES = re.compile(r"easel serve: (.*) on (\S+) \(gRPC\) and (\S+) \(HTTP\)")


@dataclass(frozen=True)
class Server:
    """A process, what it said until it was ready, and where it is."""

    process: subprocess.Popen[str]
    said: str
    models: str
    grpc: str
    http: str

    def ask(self, path: str, question: object = None) -> tuple[int, Any]:
        """Status and answer of a GET, or of a POST of *question*."""
        connection = http.client.HTTPConnection(self.http, timeout=60)
        try:
            body = None if question is None else json.dumps(question)
            connection.request("GET" if body is None else "POST", path, body)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def factor(self, target: str) -> float:
        """What a linear model multiplies by."""
        status, answer = self.ask(f"/v1/models/{target}:predict", {"instances": [[1, 2, 3]]})
        assert status == 200, answer
        return float(answer["predictions"][0][0])


@contextmanager
def in_place(*flags: str) -> Iterator[Server]:
    """A server without a store; *flags* as somebody's compose file has them.

    One process: of several each says for itself that a version answers now.
    """
    defaults = ("--store=/no/such/store", "--port=0", "--rest_api_port=0", "--workers=1")
    with easel("serve", *defaults, *flags) as process:
        said = read_until(process, "(HTTP)")
        yield Server(process, said, *PLACES.search(said).groups())


def add_version(base: Path, number: int = 1, *, factor: float | None = None) -> Path:
    """A version as TF Serving's users keep it: no manifest; it multiplies by its number."""
    made = base.parent / f"making-{base.name}-{number}"
    made.mkdir(parents=True)
    linear_graph(made / "model.onnx", TIMES_TWO, factor or number)
    base.mkdir(exist_ok=True)
    return made.rename(base / str(number))


def write_list(file: Path, *configs: str) -> str:
    """Replace a list of models at once, as a deployment's mount does; gives back its name."""
    made = file.with_suffix(".new")
    listed = "\n".join(f"  config {{ {each} }}" for each in configs)
    made.write_text(f"model_config_list {{\n{listed}\n}}\n")
    made.replace(file)
    return str(file)


def test_a_base_path_is_served_with_its_newest_version_and_followed(tmp_path):
    base = tmp_path / "half"
    add_version(base, 2)
    with in_place("--model_name=half", f"--model_base_path={base}") as server:
        assert server.models == "half/2"
        assert server.factor("half") == 2
        status, answer = server.ask("/v1/models/half")
        assert (status, answer["model_version_status"][0]["state"]) == (200, "AVAILABLE")
        add_version(base, 3)
        read_until(server.process, "half/3 answers now")
        assert server.factor("half") == 3


def test_a_base_path_that_is_not_there_yet_is_waited_for(tmp_path):
    base = tmp_path / "late"
    with in_place(f"--model_base_path={base}", "--file_system_poll_wait_seconds=0.1") as server:
        assert f"default: there is no folder {base} yet; it is waited for" in server.said
        assert server.ask("/v1/models/default")[0] == 404
        add_version(base)
        read_until(server.process, "default/1 is ready")
        assert server.factor("default") == 1


def test_a_saved_model_answers_by_each_of_its_signatures(tmp_path, saved_models):
    shutil.copytree(saved_models / "many", tmp_path / "base" / "00001")
    with in_place("--model_name=many", f"--model_base_path={tmp_path}/base") as server:
        dense = {"signature_name": "dense", "instances": [[1, 1]]}
        words = {"signature_name": "look_up", "inputs": {"words": ["dog", "cow"]}}
        status, answer = server.ask("/v1/models/many/versions/1:predict", dense)
        assert (status, answer["predictions"]) == (200, [{"y": [4.0, 6.0], "total": 2.0}])
        status, answer = server.ask("/v1/models/many:predict", words)
        assert (status, answer["outputs"]) == (200, {"ids": [1, -1], "upper": ["DOG", "COW"]})


def test_a_list_names_models_policies_and_version_labels(tmp_path):
    for number in (1, 2, 3):
        add_version(tmp_path / "a", number)
        add_version(tmp_path / "b", number)
    file = write_list(
        tmp_path / "models.config",
        f'name: "a" base_path: "{tmp_path}/a" model_platform: "tensorflow"'
        " model_version_policy { specific { versions: 1 versions: 2 } }"
        ' version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 }',
        f'name: "b" base_path: "{tmp_path}/b"',
    )
    with in_place(f"--model_config_file={file}", "--model_base_path=ignored") as server:
        assert server.models == "a/1, a/2, b/3"
        assert server.factor("a/labels/stable") == 1
        assert server.factor("a/labels/canary") == 2
        assert server.factor("a/versions/2") == 2
        assert server.factor("b") == 3


def test_a_list_that_changes_brings_and_takes_models_under_traffic(tmp_path):
    add_version(tmp_path / "double", 2)
    add_version(tmp_path / "other", 5)
    double, other = (f'name: "{n}" base_path: "{tmp_path}/{n}"' for n in ("double", "other"))
    file = tmp_path / "models.config"
    flags = (
        f"--model_config_file={write_list(file, double)}",
        "--model_config_file_poll_wait_seconds=0.05",
    )
    with in_place(*flags) as server, under_load(server.grpc, callers=2) as load:
        load.wait_for(2)
        write_list(file, double, other)
        read_until(server.process, "other/5 is ready")
        assert server.factor("other") == 5
        file.write_text("model_config_list {")
        read_until(server.process, "model_config_file, line 1, column 19")
        assert server.factor("other") == 5
        write_list(file, double)
        read_until(server.process, "other is wanted no more")
        assert server.ask("/v1/models/other:predict", {"instances": [[1, 2, 3]]})[0] == 404
        load.wait_for_answers(3)
        load.stop()
    assert not load.failures


def test_batching_files_change_how_requests_are_joined(tmp_path):
    folder = add_version(tmp_path / "a")
    add_version(tmp_path / "b")
    own = "max_batch_size { value: 4 } allowed_batch_sizes: 2 allowed_batch_sizes: 4"
    (folder / "batching_params.pbtxt").write_text(own)
    every = tmp_path / "batching.config"
    every.write_text("max_batch_size { value: 16 } batch_timeout_micros { value: 300 }")
    models = [f'name: "{name}" base_path: "{tmp_path}/{name}"' for name in "ab"]
    flags = (
        f"--model_config_file={write_list(tmp_path / 'models.config', *models)}",
        "--enable_batching",
        f"--batching_parameters_file={every}",
    )
    with in_place(*flags) as server:
        for name in "ab":
            found = server.ask(f"/v2/models/{name}/config")[1]
            assert found["max_batch_size"] == 16
            assert found["dynamic_batching"]["max_queue_delay_microseconds"] == 300
    with in_place(*flags, "--enable_per_model_batching_parameters=true") as server:
        found = {name: server.ask(f"/v2/models/{name}/config")[1] for name in "ab"}
        assert (found["a"]["max_batch_size"], found["b"]["max_batch_size"]) == (4, 64)
        assert found["a"]["dynamic_batching"]["preferred_batch_size"] == [2, 4]
        assert server.factor("a") == 1


def test_a_versions_own_file_that_cannot_be_kept_to_is_told_in_its_status(tmp_path):
    folder = add_version(tmp_path / "a")
    (folder / "batching_params.pbtxt").write_text("max_batch_size { value: 0 }")
    flags = ("--enable_batching", "--enable_per_model_batching_parameters")
    with in_place(f"--model_base_path={tmp_path}/a", *flags) as server:
        (status,) = server.ask("/v1/models/default")[1]["model_version_status"]
        assert status["state"] == "END"
        assert "max_batch_size must be at least 1" in status["status"]["error_message"]


def test_flags_that_do_nothing_here_are_explained_and_prometheus_is_where_it_was(tmp_path):
    add_version(tmp_path / "a")
    file = tmp_path / "monitoring.config"
    file.write_text('prometheus_config { enable: true path: "/prometheus" }')
    flags = ("--tensorflow_session_parallelism=4", "--enable_model_warmup", "--grpc_max_threads=8")
    base, monitoring = f"--model_base_path={tmp_path}/a", f"--monitoring_config_file={file}"
    with in_place(base, monitoring, *flags, "--rest_api_enable_cors_support") as server:
        explained = re.findall(r"--(\w+) has no effect: ", server.said)
        assert explained == [
            "enable_model_warmup",
            "grpc_max_threads",
            "tensorflow_session_parallelism",
        ]
        connection = http.client.HTTPConnection(server.http, timeout=10)
        connection.request("GET", "/prometheus", headers={"Origin": "https://elsewhere.example"})
        response = connection.getresponse()
        assert response.getheader("Access-Control-Allow-Origin") == "*"
        assert b"easel_request_seconds" in response.read()
        connection.close()


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (["--model_base_path=models/half"], 2, "is relative; write --model_base_path=/"),
        (["--model_config_file=/no/such/file"], 2, "model_config_file /no/such/file cannot be read"),
        (["--model_base_path=/m", "--batching_parameters_file=/b"], 2, "need --enable_batching"),
        (["--model_base_path=/m", "--monitoring_config_file=/no/file"], 2, "/no/file cannot be read"),
        (["--model_base_path=/m", "--ssl_config_file=/no/file"], 2, "/no/file cannot be read"),
        (["--model_base_pth=/m"], 2, "--help lists the settings"),
        (["--store=/no/such/store"], 2, "or one model with --model_base_path"),
        (["--version"], 0, "easel "),
    ],
)  # fmt: skip
def test_a_wrong_start_is_one_sentence(flags, status, words):
    command = easel_command("serve", "--port=0", "--rest_api_port=0", *flags)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status
    assert words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
