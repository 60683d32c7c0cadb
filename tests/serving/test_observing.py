"""Metrics, access log and traces of a real server, over its own ports."""

from __future__ import annotations

import json
import urllib.request

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from model_store.errors import InvalidRequest
from serving.api.protos import tensorflow_serving_pb2 as pb
from tests.serving.observing.collecting import collector
from tests.support import BUNDLED_STORE, RunningServer, running_server

PREDICT = "/tensorflow.serving.PredictionService/Predict"


def counts(server: RunningServer, path: str = "/metrics") -> dict[tuple[str, ...], float]:
    """How many requests there were, by model, version, protocol and code."""
    with urllib.request.urlopen(f"http://{server.http}{path}") as response:
        families = text_string_to_metric_families(response.read().decode())
    return {
        tuple(
            sample.labels[name] for name in ("model", "version", "protocol", "code")
        ): sample.value
        for family in families
        for sample in family.samples
        if sample.name == "easel_request_seconds_count"
    }


def ask_over_http(server: RunningServer, **headers: str) -> int:
    image = {"instances": [[[[0]] * 28] * 28]}
    url = f"http://{server.http}/v1/models/numbers:predict"
    request = urllib.request.Request(url, json.dumps(image).encode(), headers)
    with urllib.request.urlopen(request) as response:
        return response.status


def ask_for_a_stranger(server: RunningServer) -> None:
    request = pb.PredictRequest()
    request.model_spec.name = "stranger"
    with grpc.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.RpcError):
            channel.unary_unary(PREDICT)(request.SerializeToString())


@pytest.mark.parametrize("path", ["/metrics", "/monitoring/prometheus/metrics"])
def test_calls_are_counted_by_model_version_protocol_and_code(path):
    with running_server(BUNDLED_STORE) as server:
        assert [ask_over_http(server) for _ in range(3)] == [200] * 3
        ask_for_a_stranger(server)
        found = counts(server, path)
    assert found["numbers", "1", "tfs_http", "OK"] == 3
    assert found["", "", "tfs_grpc", "NOT_FOUND"] == 1


def test_each_call_is_a_line_of_the_access_log(tmp_path):
    log = tmp_path / "access.jsonl"
    with running_server(BUNDLED_STORE, access_log=str(log)) as server:
        ask_over_http(server, **{"X-Request-Id": "r-7"})
        ask_for_a_stranger(server)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["code"] for line in lines] == ["OK", "NOT_FOUND"]
    assert (lines[0]["model"], lines[0]["version"], lines[0]["request_id"]) == ("numbers", 1, "r-7")
    assert lines[0]["batch_rows"] == 1
    assert lines[1]["asked"] == "stranger"


def test_a_traced_caller_finds_the_servers_part_in_its_trace():
    trace = "0af7651916cd43dd8448eb211c80319c"
    with collector() as (endpoint, spans):
        with running_server(BUNDLED_STORE, otlp_endpoint=endpoint) as server:
            ask_over_http(server, traceparent=f"00-{trace}-b7ad6b7169203331-01")
        assert {span.name for span in spans} == {"/v1/models/numbers:predict", "queue", "compute"}
        assert {span.trace_id.hex() for span in spans} == {trace}


def test_a_log_that_cannot_be_opened_is_said_before_the_start(tmp_path):
    with pytest.raises(InvalidRequest, match="access log cannot be opened"):
        with running_server(BUNDLED_STORE, access_log=str(tmp_path / "no" / "log")):
            pass
