"""Prometheus' text as data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from adapter.ops.measured import Sample, read_histogram, read_samples

TEXT = """# HELP seconds How long.
# TYPE seconds histogram
seconds_bucket{code="OK",le="0.1",model="a",protocol="http"} 3.0
seconds_bucket{code="OK",le="1.0",model="a",protocol="http"} 5.0
seconds_bucket{code="OK",le="+Inf",model="a",protocol="http"} 6.0
seconds_sum{code="OK",model="a",protocol="http"} 12.5
seconds_bucket{code="OK",le="0.1",model="a",protocol="grpc"} 1.0
seconds_bucket{code="OK",le="1.0",model="a",protocol="grpc"} 1.0
seconds_bucket{code="OK",le="+Inf",model="a",protocol="grpc"} 1.0
seconds_sum{code="OK",model="a",protocol="grpc"} 0.05 1700000000000
other 1
"""


def test_calls_are_told_apart_by_the_asked_labels_and_added_up_over_others():
    found = read_histogram(read_samples(TEXT, ["seconds"]), "seconds", ["model", "code"])
    assert found.bounds_s == (0.1, 1.0)
    (calls,) = found.calls
    assert calls.key == ("a", "OK")
    assert calls.counts == (4, 2, 1)
    assert calls.sum_s == pytest.approx(12.55)


def test_two_servers_of_the_same_model_are_added_up():
    found = read_histogram(read_samples(TEXT + TEXT, ["seconds"]), "seconds", ["model"])
    assert [calls.counts for calls in found.calls] == [(8, 4, 2)]


def test_series_with_other_bounds_are_left_out():
    text = TEXT + 'seconds_bucket{le="7.0",model="b"} 1\nseconds_bucket{le="+Inf",model="b"} 1\n'
    found = read_histogram(read_samples(text, ["seconds"]), "seconds", ["model"])
    assert [calls.key for calls in found.calls] == [("a",)]


def test_nothing_measured_is_an_empty_histogram():
    assert read_histogram((), "seconds", ["model"]).calls == ()


@pytest.mark.parametrize(
    "line", ["seconds", "seconds{", "seconds{} x", 'seconds{a="b} 1', "seconds NaN", "seconds -1"]
)
def test_a_line_of_no_known_form_is_left_out(line):
    assert list(read_samples(line, ["seconds"])) == []


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    st.integers(0, 10**12),
)
def test_what_prometheus_own_library_writes_is_read(label, value):
    registry = CollectorRegistry()
    Counter("calls", "Calls.", ["model"], registry=registry).labels(label).inc(value)
    text = generate_latest(registry).decode()
    # The library itself treats the lines of "\x85" and the like as one line.
    found = list(read_samples(text, ["calls_total"]))
    assert found == [Sample("calls_total", {"model": label}, float(value))]


@given(st.lists(st.floats(0, 100), max_size=30))
def test_as_many_calls_are_read_as_were_written(seconds):
    registry = CollectorRegistry()
    histogram = Histogram("took", "Seconds.", ["model"], registry=registry).labels("a")
    for each in seconds:
        histogram.observe(each)
    text = generate_latest(registry).decode()
    (calls,) = read_histogram(read_samples(text, ["took"]), "took", ["model"]).calls
    assert sum(calls.counts) == len(seconds)
    assert calls.sum_s == pytest.approx(sum(seconds))


@given(st.text())
def test_any_text_is_read_without_trouble(text):
    for line in text.splitlines():
        read_histogram(read_samples(f"took_bucket{line}", ["took"]), "took", ["model"])
