"""Spans for OpenTelemetry, sent over OTLP/HTTP; an extra, imported only when it is wanted.

A call is one span with two children, the wait in the queue and the run.  It continues the
caller's trace where ``traceparent`` names one (W3C Trace Context).  Attribute names are
OpenTelemetry's semantic conventions, with ``easel.`` for what they have no word for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from model_store.errors import Code
from serving.api.calls import Timing
from serving.services.observation import Observation

_CALLERS_MISTAKES = {
    Code.CANCELLED, Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.FAILED_PRECONDITION,
}  # fmt: skip


class Tracer:
    """Turns calls into spans; sending is done by a thread of the SDK."""

    def __init__(
        self, endpoint: str, ratio: float, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        """Begin to send.

        Args:
            endpoint: The collector's full address, ending in ``/v1/traces``.
            ratio: Share of the calls to trace that came without a trace of their own.
            now_ns: Wall clock: spans carry the time of day.
        """
        self._now_ns = now_ns
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(ratio),
            resource=Resource.create({"service.name": "easel-serve"}),
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("easel")
        self._propagator = TraceContextTextMapPropagator()

    def observe(self, observation: Observation) -> None:
        """Make the spans of one finished call."""
        end_ns = self._now_ns()
        start_ns = end_ns - int(observation.seconds * 1e9)
        span = self._tracer.start_span(
            observation.path.removeprefix("/") if observation.is_grpc else observation.path,
            self._caller(observation),
            SpanKind.SERVER,
            attributes=_attributes(observation),
            start_time=start_ns,
        )
        if span.is_recording() and observation.call.answer is not None:
            self._add_parts(set_span_in_context(span), observation.call.answer.timing, end_ns)
        if observation.code is not Code.OK and observation.code not in _CALLERS_MISTAKES:
            span.set_status(StatusCode.ERROR, observation.message)
        span.end(end_ns)

    def _add_parts(self, parent: Context, timing: Timing, end_ns: int) -> None:
        """The wait and the run; of what comes after the run, too little is known to show."""
        compute_ns = int(timing.compute_s * 1e9)
        run_ns = end_ns - compute_ns
        queue_ns = run_ns - int(timing.queue_s * 1e9)
        self._tracer.start_span("queue", parent, start_time=queue_ns).end(run_ns)
        compute = self._tracer.start_span("compute", parent, start_time=run_ns)
        compute.set_attribute("easel.batch_rows", timing.batch_rows)
        compute.end(end_ns)

    def _caller(self, observation: Observation) -> Context:
        names = ("traceparent", "tracestate")
        headers = observation.call.headers
        carrier = {name: headers.get(name.encode(), b"").decode("latin-1") for name in names}
        return self._propagator.extract(carrier, Context())

    def close(self) -> None:
        """Send the rest and stop."""
        self._provider.shutdown()


def _attributes(observation: Observation) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "easel.code": observation.code.name,
        "easel.request_bytes": observation.request_bytes,
        "easel.response_bytes": observation.response_bytes,
    }
    if observation.is_grpc:
        service, _, method = observation.path[1:].partition("/")
        attributes |= {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": observation.code.grpc_number,
        }
    else:
        attributes |= {
            "url.path": observation.path,
            "http.response.status_code": observation.code.http,
        }
    answer = observation.call.answer
    if answer is not None:
        attributes |= {"easel.model": answer.model.name, "easel.version": answer.model.number}
    return attributes
