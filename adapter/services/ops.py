"""``GET /api/ops``: what the operations page shows, and nothing that changes anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import version

from adapter.clients.metrics import fetch_metrics
from adapter.clients.servers import parse_servers
from adapter.config import AdapterConfig, Settings
from adapter.fresh import Fresh
from adapter.http.metrics import Metrics
from adapter.http.operations import Operation, Service
from adapter.ops.measured import Sample
from adapter.ops.overview import (
    Model,
    Overview,
    Server,
    read_calls,
    read_models,
    read_requests,
    to_measured,
    to_requests,
)
from adapter.parts import Parts
from model_store.errors import EaselError
from model_store.store import Store

_TIMEOUT_S = 1.0


def build(parts: Parts, metrics: Metrics) -> Service:
    """The service over *parts*; *metrics* are the adapter's own."""
    # Many may watch: store and servers are asked once for all of them.
    overview = Fresh(lambda: read_overview(parts, metrics))
    operation = Operation(
        method="GET",
        path="/api/ops",
        name="overview",
        summary="Models, versions, labels, traffic, health, and calls with their latency",
        handle=lambda _: overview.get(),
        answer=Overview,
        scope="ops",
    )
    return Service("ops", (operation,))


def read_overview(parts: Parts, metrics: Metrics) -> Overview:
    """Ask the store and the servers; who does not answer is named."""
    settings = parts.settings
    missing: list[str] = []
    calls, states = read_calls("\n".join(_read_texts(settings, missing)))
    requests = read_requests(Sample(one.name, one.labels, one.value) for one in metrics.samples())
    models: tuple[Model, ...] = ()
    store_problem = ""
    try:
        models = read_models(Store(settings.adapter.store), states)
    except EaselError as error:
        store_problem = str(error)
    # Pages and health checks are no services.
    shown = set(settings.adapter.services)
    health = parts.server.health(timeout_s=_TIMEOUT_S)
    return Overview(
        time=time.time(),
        release=version("easel"),
        services=settings.adapter.services,
        servers=tuple(Server(name, problem or "") for name, problem in health.items()),
        models=models,
        bounds_s=calls.bounds_s,
        # Those of no model are about the server itself: its health was asked.
        calls=tuple(to_measured(each) for each in calls.calls if each.key[0]),
        request_bounds_s=requests.bounds_s,
        requests=tuple(to_requests(each) for each in requests.calls if each.key[0] in shown),
        missing=tuple(missing),
        store_problem=store_problem,
    )


def _read_texts(settings: Settings, missing: list[str]) -> Iterator[str]:
    for url in settings.ops.metrics or _usual(settings.adapter):
        try:
            yield fetch_metrics(url, timeout_s=_TIMEOUT_S)
        except EaselError as error:
            missing.append(str(error))


def _usual(config: AdapterConfig) -> Iterator[str]:
    """Where the servers for all models are: Easel's answers HTTP on its gRPC port too."""
    for group in parse_servers(config.model_servers, config.model_server):
        if group.model is None and not group.is_tls:
            for address in group.addresses:
                is_file = address.is_socket_file
                yield str(address) if is_file else f"http://{address}/metrics"
