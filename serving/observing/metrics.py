"""``/metrics``: the histograms and the servables' states in Prometheus' words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from serving.engine.engine import Engine
from serving.observing.histograms import KINDS, Histograms, Labels
from serving.services.http import HttpApi, HttpRequest, HttpResponse
from serving.services.methods import Call


@dataclass(frozen=True, slots=True)
class _Collector:
    """What Prometheus' registry asks on every scrape."""

    histograms: Histograms
    engine: Engine

    def collect(self) -> Iterator[Metric]:
        """Every family but the process's own."""
        yield from _histogram_families(self.histograms)
        yield from _engine_families(self.engine)
        yield InfoMetricFamily("easel_build", "What is running.", {"version": version("easel")})


def metrics_api(histograms: Histograms, engine: Engine) -> HttpApi:
    """The page for a scraper; text or OpenMetrics, as it asks."""
    registry = CollectorRegistry()
    registry.register(_Collector(histograms, engine))
    ProcessCollector(registry=registry)

    async def metrics(request: HttpRequest, _call: Call) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(b'{"error": "use GET"}', 405)
        encode, content_type = choose_encoder(request.headers.get(b"accept", b"").decode("latin-1"))
        return HttpResponse(encode(registry), content_type=content_type.encode())

    return metrics


def _histogram_families(histograms: Histograms) -> Iterator[Metric]:
    for index, kind in enumerate(KINDS):
        family = HistogramMetricFamily(kind.name, kind.help, labels=Labels._fields)
        for labels, series in histograms.series.items():
            buckets = series.buckets()[index]
            cumulated = np.cumsum(buckets.counts).tolist()
            ends = [*map(floatToGoString, kind.bounds), "+Inf"]
            family.add_metric(
                labels, list(zip(ends, map(float, cumulated), strict=True)), buckets.total
            )
        yield family


def _engine_families(engine: Engine) -> Iterator[Metric]:
    ready = GaugeMetricFamily("easel_ready", "1 when every model can be called.")
    ready.add_metric([], float(engine.is_ready))
    yield ready
    states = GaugeMetricFamily(
        "easel_servable_state",
        "1 for the state a version is in; error is 1 when it ended badly.",
        labels=("model", "version", "state", "error"),
    )
    for name in engine.models():
        for status in engine.statuses(name):
            failed = str(int(bool(status.error)))
            states.add_metric([name, str(status.model.number), status.state.value, failed], 1.0)
    yield states
