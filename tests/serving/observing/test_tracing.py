"""Spans arrive at a real collector: an HTTP server that reads OTLP's own messages."""

from __future__ import annotations

from model_store.errors import Code
from serving.api.calls import ModelRef
from serving.observing.tracing import Tracer
from tests.serving.observing.calls import answered, failed
from tests.serving.observing.collecting import collector

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-01"
NOT_SAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-00"
NOW_NS = 1_800_000_000_000_000_000


def traced(*observations, ratio: float = 0.0) -> dict:
    with collector() as (endpoint, spans):
        tracer = Tracer(endpoint, ratio, lambda: NOW_NS)
        for observation in observations:
            tracer.observe(observation)
        tracer.close()
        return {span.name: span for span in spans}


def test_a_call_continues_the_callers_trace_with_its_wait_and_its_run():
    spans = traced(answered(traceparent=SAMPLED))
    call = spans["tensorflow.serving.PredictionService/Predict"]
    assert call.trace_id.hex() == TRACE_ID
    assert call.parent_span_id.hex() == "b7ad6b7169203331"
    assert (call.start_time_unix_nano, call.end_time_unix_nano) == (NOW_NS - 4_000_000, NOW_NS)
    queue, compute = spans["queue"], spans["compute"]
    assert queue.parent_span_id == compute.parent_span_id == call.span_id
    assert queue.end_time_unix_nano == compute.start_time_unix_nano == NOW_NS - 2_000_000
    attributes = {each.key: each.value for each in call.attributes}
    assert attributes["easel.model"].string_value == "numbers"
    assert attributes["easel.version"].int_value == 3
    assert attributes["rpc.grpc.status_code"].int_value == 0


def test_a_call_without_a_trace_is_sampled_by_the_ratio_and_one_with_by_its_flag():
    assert traced(answered(), answered(traceparent=NOT_SAMPLED)) == {}
    assert len(traced(answered(), ratio=1.0)) == 3


def test_the_servers_failures_are_errors_and_the_callers_are_not():
    (ours,) = traced(failed(ModelRef("numbers"), Code.INTERNAL), ratio=1.0).values()
    assert ours.status.code == 2
    (theirs,) = traced(failed(ModelRef("numbers"), Code.NOT_FOUND), ratio=1.0).values()
    assert theirs.status.code == 0
