"""``/metrics``: how many requests, how long, and how they ended, for Prometheus.

Several worker processes share their counts in files, as ``prometheus_client`` does it where
PROMETHEUS_MULTIPROC_DIR names a folder before it is imported: then whoever is asked tells all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Response, request
from prometheus_client import CollectorRegistry, Histogram, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from adapter.http.exchange import Exchange
from adapter.http.operations import Operation, Service

_LABELS = ("service", "model", "version", "outcome")
_BOUNDS_S = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What is counted; one for each application."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    seconds: Histogram = field(init=False)
    outside: Histogram = field(init=False)
    _children: dict[tuple[str, ...], Histogram] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Register what is counted."""
        histogram = Histogram(
            "easel_adapter_request_seconds",
            "Requests from the first byte to the answer's, by how they ended.",
            _LABELS,
            buckets=_BOUNDS_S,
            registry=self.registry,
        )
        object.__setattr__(self, "seconds", histogram)
        outside = Histogram(
            "easel_adapter_outside_seconds",
            "Calls to services outside, by how they ended; those never made are `not_asked`.",
            ("outside", "outcome"),
            buckets=_BOUNDS_S,
            registry=self.registry,
        )
        object.__setattr__(self, "outside", outside)

    def observe(self, note: Exchange) -> None:
        """Count one request that has been answered."""
        labels = (note.service, note.model, note.version, note.outcome)
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self.seconds.labels(*labels)
        child.observe(note.seconds)

    def observe_outside(self, name: str, outcome: str, seconds: float) -> None:
        """Count one call to a service outside."""
        self.outside.labels(name, outcome).observe(seconds)

    def page(self, accept: str) -> Response:
        """Everything by now, of all processes; text or OpenMetrics as *accept* asks."""
        registry = self.registry
        if values.ValueClass is not values.MutexValue:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        encode, content_type = choose_encoder(accept)
        return Response(encode(registry), content_type=content_type)


def build(metrics: Metrics) -> Service:
    """The page for a scraper."""
    operation = Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="For Prometheus: requests and their times, by service, model, version, outcome",
        handle=lambda _: metrics.page(request.headers.get("Accept", "")),
        answer=None,
        media=("text/plain", "application/openmetrics-text"),
        scope="ops",
    )
    return Service("metrics", (operation,))
