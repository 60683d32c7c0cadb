"""Workers add their counts up, and none is lost when one of them is started again."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.observing.histograms import (
    Histograms,
    Labels,
    Sample,
    decode_counts,
    encode_counts,
    merged,
)
from serving.observing.sharing import Place, Shared

labels = st.builds(Labels, *[st.text(max_size=5)] * 4)
samples = st.lists(st.tuples(labels, st.builds(Sample, *[st.floats(0, 1e6)] * 6)), max_size=20)
ONE = Sample(*[1.0] * 6)
OK = Labels("numbers", "1", "tfs_grpc", "OK")


def counted(calls) -> Histograms:
    histograms = Histograms()
    for where, sample in calls:
        histograms.add(where, sample)
    return histograms


@given(samples, samples)
def test_counts_written_read_and_added_are_those_of_all_calls(some, others):
    parts = [decode_counts(encode_counts(counted(each).counts())) for each in (some, others)]
    together, whole = merged(parts), counted([*some, *others]).counts()
    assert together.keys() == whole.keys()
    for where, buckets in whole.items():
        for got, want in zip(together[where], buckets, strict=True):
            assert got.counts.tolist() == want.counts.tolist()
            assert got.total == pytest.approx(want.total)


@given(st.text(max_size=60) | st.recursive(st.integers() | st.text(max_size=3), st.lists).map(str))
def test_any_text_is_counts_or_a_value_error(text):
    with suppress(ValueError):
        decode_counts(text)


def requests_in(shared: Shared) -> int:
    return int(shared.all()[OK][0].counts.sum())


def test_whoever_is_asked_tells_for_all_also_for_those_before(tmp_path):
    first, second = Histograms(), Histograms()
    here, there = Shared(Place(tmp_path, 1, 2), first), Shared(Place(tmp_path, 2, 2), second)
    first.add(OK, ONE)
    second.add(OK, ONE)
    here.write()
    there.write()
    assert requests_in(here) == requests_in(there) == 2
    restarted = Histograms()
    again = Shared(Place(tmp_path, 2, 2), restarted)
    restarted.add(OK, ONE)
    assert requests_in(again) == 3
    again.write()
    assert requests_in(here) == 3


def test_a_damaged_file_costs_its_counts_and_no_scrape(tmp_path, caplog):
    (tmp_path / "2.json").write_text("{half")
    first = Histograms()
    first.add(OK, ONE)
    assert requests_in(Shared(Place(tmp_path, 1, 2), first)) == 1
    assert "cannot be read" in caplog.text
