"""The metrics page, read back with Prometheus' own parser."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from model_store.store import Store
from serving.crew.crew import Alone
from serving.engine.engine import Engine
from serving.engine.servable import LoadOptions
from serving.observing.histograms import KINDS, Histograms, Labels, Sample
from serving.observing.metrics import metrics_api
from serving.services.http import HttpRequest
from serving.services.methods import Call
from tests.support import ROOT, publish_linear

OK = Labels("double", "1", "tfs_grpc", "OK")


@pytest.fixture
async def engine(tmp_path):
    publish_linear(tmp_path)
    engine = Engine(Store(tmp_path), LoadOptions())
    await engine.load_all()
    yield engine
    engine.close()


async def scrape(histograms: Histograms, engine: Engine, accept: bytes = b"") -> tuple[str, str]:
    request = HttpRequest("GET", "/metrics", headers={b"accept": accept})
    response = await metrics_api(histograms.counts, Alone(engine))(request, Call())
    assert response.status == 200
    return response.body.decode(), response.content_type.decode()


def samples_of(families) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


async def test_every_call_is_in_each_histogram(engine):
    histograms = Histograms()
    histograms.add(OK, Sample(0.004, 0.001, 0.002, 5, 800, 60))
    histograms.add(OK, Sample(0.006, 0.001, 0.003, 1, 800, 60))
    text, content_type = await scrape(histograms, engine)
    assert content_type.startswith("text/plain")
    found = samples_of(parse_text(text))
    labels = frozenset(OK._asdict().items())
    for kind in KINDS:
        assert found[f"{kind.name}_count", labels] == 2
    assert found["easel_request_seconds_sum", labels] == pytest.approx(0.01)
    assert found["easel_request_seconds_bucket", labels | {("le", "0.005")}] == 1
    assert found["easel_batch_rows_bucket", labels | {("le", "+Inf")}] == 2


async def test_the_page_says_which_versions_are_served(engine):
    found = samples_of(parse_text((await scrape(Histograms(), engine))[0]))
    state = {"model": "double", "version": "1", "state": "available", "error": "0"}
    assert found["easel_servable_state", frozenset(state.items())] == 1
    assert found["easel_ready", frozenset()] == 1
    assert any(name == "process_resident_memory_bytes" for name, _ in found)


async def test_a_scraper_may_ask_for_openmetrics(engine):
    histograms = Histograms()
    histograms.add(OK, Sample(*[1.0] * 6))
    text, content_type = await scrape(histograms, engine, b"application/openmetrics-text")
    assert content_type.startswith("application/openmetrics-text")
    assert samples_of(parse_openmetrics(text))


async def test_every_metric_is_documented(engine):
    histograms = Histograms()
    histograms.add(OK, Sample(*[1.0] * 6))
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    families = list(parse_text((await scrape(histograms, engine))[0]))
    assert len(families) > 15
    for family in families:
        # A counter's family is named without the ending that its samples have.
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert name.startswith(("process_", "easel_")), name
        assert name.startswith("process_") or f"`{name}`" in page, (
            f"{name} is not in docs/server.md"
        )


async def test_only_reading_is_allowed(engine):
    response = await metrics_api(Histograms().counts, Alone(engine))(
        HttpRequest("POST", "/metrics"), Call()
    )
    assert response.status == 405


async def test_the_page_tells_of_loads_and_runs(engine):
    found = samples_of(parse_text((await scrape(Histograms(), engine))[0]))
    model = frozenset({("model", "double")})
    version = frozenset({("model", "double"), ("version", "1")})
    assert found["easel_loads_total", model] == 1
    assert found["easel_failed_loads_total", model] == 0
    assert found["easel_waiting_rows", version] == 0
    assert ("easel_runs_total", version) in found
