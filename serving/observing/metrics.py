"""``/metrics``: the histograms and the servables' states in Prometheus' words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from serving.crew.crew import Crew
from serving.crew.report import Report
from serving.observing.histograms import KINDS, Labels
from serving.observing.sharing import Counts
from serving.services.http import ALLOW_GET, HttpApi, HttpRequest, HttpResponse
from serving.services.methods import Call

_PROCESS = ProcessCollector(registry=None)


@dataclass(frozen=True, slots=True, eq=False)
class _Collector:
    """What Prometheus' registry asks, of one scrape."""

    counts: Counts
    report: Report

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        yield from _histogram_families(self.counts)
        yield from _state_families(self.report)
        yield from _load_families(self.report)
        yield from _queue_families(self.report)
        yield from _process_families(self.report)
        yield InfoMetricFamily("easel_build", "What is running.", {"version": version("easel")})


def metrics_api(counts: Callable[[], Counts], crew: Crew) -> HttpApi:
    """The page for a scraper; text or OpenMetrics, as it asks.

    Args:
        counts: Of every call by now, in the order of ``KINDS``.
        crew: Tells the state of the versions.
    """

    async def metrics(request: HttpRequest, _call: Call) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(b'{"error": "use GET"}', 405, headers=(ALLOW_GET,))
        registry = CollectorRegistry()  # of this scrape, whose numbers belong together
        registry.register(_Collector(counts(), await crew.report()))
        encode, content_type = choose_encoder(request.headers.get(b"accept", b"").decode("latin-1"))
        return HttpResponse(encode(registry), content_type=content_type.encode())

    return metrics


def _histogram_families(counts: Counts) -> Iterator[Metric]:
    for index, kind in enumerate(KINDS):
        family = HistogramMetricFamily(kind.name, kind.help, labels=Labels._fields)
        ends = [*map(floatToGoString, kind.bounds), "+Inf"]
        for labels, every in counts.items():
            buckets = every[index]
            cumulated = map(float, np.cumsum(buckets.counts).tolist())
            family.add_metric(labels, list(zip(ends, cumulated, strict=True)), buckets.total)
        yield family


def _state_families(report: Report) -> Iterator[Metric]:
    ready = GaugeMetricFamily("easel_ready", "1 when every model can be called.")
    ready.add_metric([], float(report.is_ready))
    yield ready
    states = GaugeMetricFamily(
        "easel_servable_state",
        "1 for the state a version is in; error is 1 when it ended badly.",
        labels=("model", "version", "state", "error"),
    )
    for name in report.models:
        for status in report.of(name):
            failed = str(int(bool(status.error)))
            states.add_metric([name, str(status.model.number), status.state.value, failed], 1.0)
    yield states
    problems = GaugeMetricFamily(
        "easel_model_problem",
        "1 where a model's configuration could not be followed.",
        labels=("model",),
    )
    for name in report.problems:
        problems.add_metric([name], 1.0)
    yield problems


def _load_families(report: Report) -> Iterator[Metric]:
    counts = report.loads
    for name, text, field in (
        ("easel_loads", "Versions that became available.", "loads"),
        ("easel_failed_loads", "Loads that failed, each retry included.", "failed_loads"),
        ("easel_swaps", "Times that another version began to answer.", "swaps"),
        ("easel_unloads", "Versions that were unloaded.", "unloads"),
        (
            "easel_forced_unloads",
            "Of these, with calls that had not ended in time.",
            "forced_unloads",
        ),
    ):
        family = CounterMetricFamily(name, text, labels=("model",))
        for model, each in counts.items():
            family.add_metric([model], getattr(each, field))
        yield family
    last = GaugeMetricFamily(
        "easel_last_load_seconds", "The last successful load, with its checks.", labels=("model",)
    )
    for model, each in counts.items():
        last.add_metric([model], each.last_load_s)
    yield last


def _process_families(report: Report) -> Iterator[Metric]:
    """What Prometheus' own collector says of this process, of all that serve together."""
    for family in _PROCESS.collect():
        (sample,) = family.samples
        family.samples = [sample._replace(value=report.process[family.name])]
        yield family


def _queue_families(report: Report) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "easel_waiting_rows", "Rows in the queue now.", labels=("model", "version")
    )
    runs = CounterMetricFamily(
        "easel_runs",
        "Calls of the session; one may answer many requests.",
        labels=("model", "version"),
    )
    for model, done in report.done.items():
        labels = [model.name, str(model.number)]
        waiting.add_metric(labels, report.waiting.get(model, 0))
        runs.add_metric(labels, done.runs)
    yield waiting
    yield runs
