"""What the doctor finds, says, and exits with."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from model_store.store import Store
from serving.config import ServerConfig
from serving.doctor import Finding, Verdict, as_text, examine
from serving.engine.machine import Machine
from serving.engine.threads import choose
from tests.support import ROOT, TIMES_TWO, easel_command, linear_graph, publish_linear

HALF = Machine(8, 8, 0.5, 1 << 29)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    publish_linear(tmp_path)
    return tmp_path


def findings(store: Path, **settings) -> dict[str, Finding]:
    """By topic; of several the last one."""
    config = ServerConfig(store=str(store), **{"port": 0, "rest_api_port": 0, **settings})
    return {each.topic: each for each in examine(config, HALF, choose(HALF))}


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*easel_command("doctor"), "--port", "0", "--rest_api_port", "0", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_good_store_on_a_small_machine_is_well(store):
    found = findings(store)
    assert {each.verdict for each in found.values()} <= {Verdict.GOOD, Verdict.NOTE}
    assert "1 model, 1 version" in found["store"].text
    assert "onnx, 1 file" in found["double/1"].text
    assert "512 MiB for this process" in found["memory"].text


def test_the_choice_of_threads_is_explained(store):
    reasons = [
        each.text
        for each in examine(ServerConfig(store=str(store)), HALF, choose(HALF))
        if each.topic == "threads"
    ]
    assert reasons[0] == "8 cores, and time for 0.5 of them: 1 core can be kept busy."


def test_an_altered_version_is_bad_and_named(store):
    second = publish_linear(store)
    (Store(store).folder(second) / "model.onnx").write_bytes(b"?")
    found = findings(store)
    assert found["double/1"].verdict is Verdict.GOOD
    assert found["double/2"].verdict is Verdict.BAD
    assert "was altered" in found["double/2"].text


def test_a_missing_store_is_bad(tmp_path):
    found = findings(tmp_path / "nowhere")
    assert found["store"].verdict is Verdict.BAD
    assert "--store" in found["store"].text


def test_models_in_place_of_the_store_are_looked_at(tmp_path, store):
    base = tmp_path / "base"
    (base / "1").mkdir(parents=True)
    (base / "2").mkdir()
    linear_graph(base / "1" / "model.onnx", TIMES_TWO, 2.0)
    found = findings(tmp_path / "nowhere", model_base_path=str(base), model_name="half")
    assert found["half/1"].text == "onnx, without a manifest."
    assert found["half/2"].verdict is Verdict.BAD
    found = findings(store, model_base_path=str(store / "double"))
    assert "digests are right" in found["default/1"].text
    found = findings(store, model_base_path=str(tmp_path / "late"))
    assert (found["models"].verdict, "store" in found) == (Verdict.NOTE, False)


@pytest.mark.parametrize(
    ("settings", "topic"),
    [
        ({"model_base_path": "relative"}, "models"),
        ({"model_config_file": "/no/file"}, "models"),
        ({"monitoring_config_file": "/no/file"}, "files"),
        ({"batching_parameters_file": "/no/file", "enable_batching": True}, "files"),
        ({"ssl_config_file": "/no/file"}, "files"),
    ],
)
def test_a_file_that_would_keep_the_server_from_starting_is_bad(store, settings, topic):
    assert findings(store, **settings)[topic].verdict is Verdict.BAD
    assert not {"models", "files"} & findings(store).keys()


def test_an_empty_store_is_noted(tmp_path):
    assert findings(tmp_path)["store"].verdict is Verdict.NOTE


def test_a_port_of_a_stranger_is_bad_and_the_flag_is_named(store):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.0)
        port = stranger.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as free:
            free_port = free.getsockname()[1]
        found = findings(store, port=port, rest_api_port=free_port)
    assert found[f"port {port}"].verdict is Verdict.BAD
    assert "taken by another program" in found[f"port {port}"].text
    assert "--port" in found[f"port {port}"].text
    assert found[f"port {free_port}"].verdict is Verdict.GOOD


def test_a_port_where_a_server_of_ours_answers_is_noted(store, numbers_server):
    port = int(numbers_server.started.http.rpartition(":")[2])
    found = findings(store, rest_api_port=port)[f"port {port}"]
    assert (found.verdict, "answers" in found.text) == (Verdict.NOTE, True)


def test_a_topic_is_written_once_and_problems_are_counted():
    text = as_text(
        [
            Finding("threads", Verdict.GOOD, "One."),
            Finding("threads", Verdict.GOOD, "Two."),
            Finding("store", Verdict.BAD, "Gone."),
        ]
    )
    assert text.splitlines() == [
        "threads  ok    One.",
        "         ok    Two.",
        "store    bad   Gone.",
        "",
        "1 of these 3 need care.",
    ]


def test_the_command_ends_with_0_when_all_is_well(store):
    done = doctor("--store", str(store))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Nothing stands in the way.\n")


def test_the_command_ends_with_1_when_something_is_not_and_json_says_what(tmp_path):
    done = doctor("--store", str(tmp_path / "nowhere"), "--json", "--lanes", "3")
    assert done.returncode == 1
    data = json.loads(done.stdout)
    assert (data["is_well"], data["threads"]["lanes"]) == (False, 3)
    (bad,) = [each for each in data["findings"] if each["verdict"] == "bad"]
    assert bad["topic"] == "store"


def test_a_wrong_setting_is_a_wrong_use():
    done = doctor("--lanes", "many")
    assert (done.returncode, done.stdout) == (2, "")
    assert "setting lanes" in done.stderr
