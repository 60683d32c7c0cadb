"""Counting calls late gives what counting them at once would."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from serving.observing.histograms import KINDS, Histograms, Labels, Sample, Series

values = st.floats(0, 1e9) | st.just(math.nan)
samples = st.lists(st.builds(Sample, *[values] * 6), max_size=40)
OK = Labels("numbers", "1", "tfs_grpc", "OK")


@given(batches=st.lists(samples, max_size=4))
def test_buckets_hold_every_number_once_and_at_its_place(batches):
    series = Series()
    for batch in batches:
        for sample in batch:
            series.add(sample)
        series.buckets()
    every = [sample for batch in batches for sample in batch]
    for index, (kind, buckets) in enumerate(zip(KINDS, series.buckets(), strict=True)):
        numbers = [sample[index] for sample in every if not math.isnan(sample[index])]
        ends = [*kind.bounds, math.inf]
        wanted = [sum(number <= end for number in numbers) for end in ends]
        assert buckets.counts.cumsum().tolist() == wanted
        assert math.isclose(buckets.total, math.fsum(numbers), rel_tol=1e-9)


def test_a_bound_itself_belongs_below_it_as_prometheus_says():
    series = Series()
    series.add(Sample(0.001, 0.001, 0.001, 1.0, 64.0, 64.0))
    seconds = series.buckets()[0]
    assert seconds.counts[KINDS[0].bounds.index(0.001)] == 1


def test_what_waits_to_be_counted_is_bounded():
    series = Series()
    for _ in range(3 * Series.MAX_PENDING):
        series.add(Sample(*[1.0] * 6))
    assert len(series._pending) < Series.MAX_PENDING
    assert series.buckets()[0].counts.sum() == 3 * Series.MAX_PENDING


def test_each_set_of_labels_has_its_own_series():
    histograms = Histograms()
    histograms.add(OK, Sample(*[1.0] * 6))
    histograms.add(OK._replace(code="INTERNAL"), Sample(*[2.0] * 6))
    histograms.add(OK, Sample(*[3.0] * 6))
    totals = {
        labels.code: series.buckets()[0].total for labels, series in histograms.series.items()
    }
    assert totals == {"OK": 4.0, "INTERNAL": 2.0}
