"""``/metrics``: how many requests, how long, and how they ended, for Prometheus.

Several worker processes share their counts in files, as ``prometheus_client`` does it where
PROMETHEUS_MULTIPROC_DIR names a folder before it is imported: then whoever is asked tells all.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample

from adapter.http.exchange import Exchange
from adapter.http.operations import Operation, Reply, Service

_LABELS = ("service", "model", "version", "outcome")
_BOUNDS_S = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """What is counted; one for each application."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "easel_adapter_request_seconds",
            "Requests from the first byte to the answer's, by how they ended.",
            _LABELS,
            buckets=_BOUNDS_S,
            registry=self.registry,
        )
        self._outside = Histogram(
            "easel_adapter_outside_seconds",
            "Calls to services outside, by how they ended; those never made are `not_asked`.",
            ("outside", "outcome"),
            buckets=_BOUNDS_S,
            registry=self.registry,
        )
        self._children: dict[tuple[str, ...], Histogram] = {}

    def observe(self, note: Exchange) -> None:
        """Count one request that has been answered."""
        labels = (note.service, note.model, note.version, note.outcome)
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._seconds.labels(*labels)
        child.observe(note.seconds)

    def observe_outside(self, name: str, outcome: str, seconds: float) -> None:
        """Count one call to a service outside."""
        self._outside.labels(name, outcome).observe(seconds)

    def page(self, accept: str) -> Reply:
        """Everything by now, of all processes; text or OpenMetrics as *accept* asks."""
        encode, content_type = choose_encoder(accept)
        return Reply(encode(self._all()), content_type)

    def samples(self) -> Iterator[Sample]:
        """The same as data."""
        for metric in self._all().collect():
            yield from metric.samples

    def _all(self) -> CollectorRegistry:
        if values.ValueClass is values.MutexValue:
            return self.registry
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry


def build(metrics: Metrics) -> Service:
    """The page for a scraper."""
    operation = Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="For Prometheus: requests and their times, by service, model, version, outcome",
        handle=lambda asked: metrics.page(asked.accept),
        answer=None,
        media=("text/plain", "application/openmetrics-text"),
        scope="ops",
    )
    return Service("metrics", (operation,))
