"""Several real server processes on one port: whichever is reached, it acts and answers for all."""

from __future__ import annotations

import json
import re
import signal
import struct
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from serving.api.protos import tensorflow_serving_config_pb2 as pb
from serving.services.tfs_reload import RELOAD
from tests.serving.processes import Workers, two_workers
from tests.support import publish_linear

TOKEN = "open sesame"
# New connections: that all of these reach one of two workers happens once in a hundred years.
MANY = 32
CONTROL = ("--model_control", "--model_control_token", TOKEN)
FAR_S = 30.0


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("store")
    for factor in (2.0, 3.0):
        publish_linear(root, "a", factor=factor)
    publish_linear(root, "b", factor=5.0)
    return root


@pytest.fixture(scope="module")
def server(store) -> Iterator[Workers]:
    with two_workers(store, *CONTROL) as workers:
        yield workers


@pytest.fixture
def workers(server) -> Iterator[Workers]:
    yield server
    for name in ("a", "b"):
        ask(server, "POST", f"/v2/repository/models/{name}/load", {})


def ask(workers: Workers, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Over a connection of its own."""
    connection = HTTPConnection(workers.http, timeout=20)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def first_output(workers: Workers, path: str) -> float | int:
    """What a model makes of ones, or the status that says that it does nothing."""
    status, text = ask(workers, "POST", f"/v1/models/{path}:predict", {"instances": [[1, 1, 1]]})
    return json.loads(text)["predictions"][0][0] if status == 200 else status


def outputs(workers: Workers, path: str) -> set[float | int]:
    return {first_output(workers, path) for _ in range(MANY)}


def states(workers: Workers, name: str) -> dict[str, str]:
    _, text = ask(workers, "GET", f"/v1/models/{name}")
    return {each["version"]: each["state"] for each in json.loads(text)["model_version_status"]}


def reload(workers: Workers, *configs: pb.ModelConfig) -> None:
    request = pb.ReloadConfigRequest()
    request.config.model_config_list.config.extend(configs)
    with grpc.insecure_channel(workers.grpc) as channel:
        metadata = [("authorization", f"Bearer {TOKEN}")]
        channel.unary_unary(RELOAD)(request.SerializeToString(), timeout=20, metadata=metadata)


def config(folder: Path, *versions: int, **labels: int) -> pb.ModelConfig:
    found = pb.ModelConfig(name=folder.name, base_path=str(folder), model_platform="tensorflow")
    if versions:
        found.model_version_policy.specific.versions.extend(versions)
    found.version_labels.update(labels)
    return found


def test_what_one_worker_is_told_to_unload_and_load_all_have_done_when_it_answers(workers):
    assert ask(workers, "POST", "/v2/repository/models/b/unload", {}) == (200, "{}")
    assert outputs(workers, "b") == {404}
    assert states(workers, "b") == {"1": "END"} or states(workers, "b") == {"1": "UNLOADING"}
    assert ask(workers, "GET", "/v2/models/b/ready")[0] == 400
    assert ask(workers, "GET", "/readyz")[0] == 200
    assert ask(workers, "POST", "/v2/repository/models/b/load", {}) == (200, "{}")
    assert outputs(workers, "b") == {5.0}
    assert states(workers, "b") == {"1": "AVAILABLE"}
    assert {ask(workers, "GET", "/v2/models/b/ready")[0] for _ in range(MANY)} == {200}


def test_labels_and_versions_of_a_reload_are_those_of_every_worker(store):
    with two_workers(store, *CONTROL) as workers:
        reload(workers, config(store / "a", 1, 2, old=1, new=2))
        assert outputs(workers, "a/labels/old") == {2.0}
        assert outputs(workers, "a/labels/new") == {3.0}
        assert outputs(workers, "b") == {404}
        assert states(workers, "a") == {"1": "AVAILABLE", "2": "AVAILABLE"}
        workers.end(1, signal.SIGKILL)
        workers.end(2, signal.SIGKILL)
        assert outputs(workers, "a/labels/old") == {2.0}
        assert outputs(workers, "b") == {404}


def test_a_worker_that_takes_anothers_place_has_unloaded_what_that_had(workers):
    ask(workers, "POST", "/v2/repository/models/b/unload", {})
    workers.end(1, signal.SIGKILL)
    assert outputs(workers, "b") == {404}
    assert outputs(workers, "a") == {3.0}
    assert ask(workers, "GET", "/readyz")[0] == 200


def test_what_cannot_be_done_is_refused_as_by_one_process(workers, store):
    status, text = ask(workers, "POST", "/v2/repository/models/nobody/load", {})
    assert (status, json.loads(text)["error"]) == (404, "there is no model nobody in the store")
    with pytest.raises(grpc.RpcError) as raised:
        reload(workers, config(store / "a", 9))
    assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert raised.value.details() == "{a, 9} did not become available: there is no such version"
    assert outputs(workers, "a") == {3.0}, "what cannot be had takes nothing away"
    reload(workers, config(store / "a"), config(store / "b"))
    assert outputs(workers, "b") == {5.0}


def test_orders_of_several_callers_leave_all_workers_with_the_same(workers):
    for _ in range(4):
        for verb in ("unload", "load", "unload"):
            ask(workers, "POST", f"/v2/repository/models/b/{verb}", {})
    assert outputs(workers, "b") == {404}


def test_statistics_and_metrics_are_of_all_workers_together(store):
    with two_workers(store) as workers:
        assert outputs(workers, "a") == {3.0}
        assert counted(workers) == MANY
        workers.end(1, signal.SIGTERM)
        assert outputs(workers, "a") == {3.0}
        assert counted(workers) == 2 * MANY, "a successor goes on from what was counted"
        _, page = ask(workers, "GET", "/metrics")
        families = {each.name: each for each in parse_text(page)}
        runs = [
            each.value for each in families["easel_runs"].samples if each.labels["model"] == "a"
        ]
        assert runs[0] == 2 * MANY
        loads = {each.labels["model"]: each.value for each in families["easel_loads"].samples}
        assert loads["a"] == 1, "one version came, whatever the number of processes"


def counted(workers: Workers) -> int:
    """Calls of ``a`` by its statistics, which any worker tells."""
    told = {ask(workers, "GET", "/v2/models/a/versions/2/stats")[1] for _ in range(MANY)}
    (text,) = told
    (found,) = json.loads(text)["model_stats"]
    assert found["inference_stats"]["success"]["count"] == found["inference_count"]
    return found["inference_count"]


def test_a_list_of_models_that_changes_is_followed_by_all(store, tmp_path):
    listed = tmp_path / "models.config"
    listed.write_text(model_list(store / "a"))
    flags = ("--model_config_file", str(listed), "--model_config_file_poll_wait_seconds", "0.05")
    with two_workers(store, *flags) as workers:
        assert (outputs(workers, "a"), outputs(workers, "b")) == ({3.0}, {404})
        listed.write_text(model_list(store / "b"))
        until(lambda: outputs(workers, "b") == {5.0})
        assert outputs(workers, "a") == {404}
        workers.end(2, signal.SIGKILL)
        assert (outputs(workers, "a"), outputs(workers, "b")) == ({404}, {5.0})


def model_list(folder: Path) -> str:
    entry = f'name: "{folder.name}" base_path: "{folder}" model_platform: "tensorflow"'
    return f"model_config_list {{ config {{ {entry} }} }}"


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + FAR_S
    while not is_so():
        assert time.monotonic() < end


def test_health_says_of_all_workers_what_it_says_of_one(workers):
    told = {ask(workers, "GET", path)[0] for path in ("/readyz", "/v2/health/ready") * MANY}
    assert told == {200}
    assert re.search(r"^easel_ready 1\.0$", ask(workers, "GET", "/metrics")[1], re.MULTILINE)


def test_a_region_of_shared_memory_is_there_in_all_and_in_a_successor(store):
    shared = Path(f"/dev/shm/easel-test-{uuid4().hex}")
    shared.write_bytes(struct.pack("<3f", 1, 2, 3))
    span = {"shared_memory_region": "r", "shared_memory_byte_size": 12}
    given = {"name": "x", "datatype": "FP32", "shape": [1, 3], "parameters": span}
    try:
        with two_workers(store, "--shared_memory", "/") as workers:
            root = "/v2/systemsharedmemory"
            body = {"key": shared.name, "byte_size": 12}
            assert ask(workers, "POST", f"{root}/region/r/register", body) == (200, "{}")
            nope = {"key": f"{shared.name}-nope", "byte_size": 12}
            assert ask(workers, "POST", f"{root}/region/s/register", nope)[0] == 400
            assert ask(workers, "POST", f"{root}/region/r/register", body)[0] == 400

            def answers() -> set[tuple[int, str]]:
                asked = {"inputs": [given]}
                return {ask(workers, "POST", "/v2/models/b/infer", asked) for _ in range(MANY)}

            ((status, said),) = answers()
            assert (status, json.loads(said)["outputs"][0]["data"]) == (200, [5.0, 10.0, 15.0])
            workers.end(1, signal.SIGKILL)
            assert answers() == {(status, said)}
            assert ask(workers, "POST", f"{root}/region/r/unregister") == (200, "{}")
            assert {status for status, _ in answers()} == {404}
    finally:
        shared.unlink()
