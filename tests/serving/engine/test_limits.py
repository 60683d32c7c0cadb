"""A model's own batch parameters over the server's."""

from __future__ import annotations

import pytest

from model_store.errors import InvalidRequest
from serving.engine.limits import BatchLimits, BatchOverrides, with_overrides


def test_what_a_model_does_not_name_stays_as_the_server_has_it():
    limits = BatchLimits(max_rows=32, lanes=3, timeout_s=0.5)
    assert with_overrides(limits, BatchOverrides()) == limits


def test_a_models_own_parameters_win():
    wanted = BatchOverrides(
        max_batch_size=8,
        batch_timeout_micros=1500,
        allowed_batch_sizes=(2, 8),
        max_enqueued_batches=10,
        num_batch_threads=4,
    )
    assert with_overrides(BatchLimits(), wanted) == BatchLimits(
        max_rows=8, timeout_s=0.0015, allowed_rows=(2, 8), max_waiting_rows=80, lanes=4
    )


def test_the_last_allowed_size_must_be_the_maximum():
    wanted = BatchOverrides(max_batch_size=8, allowed_batch_sizes=(2, 4))
    with pytest.raises(InvalidRequest, match="must be max_batch_size, 8, not 4"):
        with_overrides(BatchLimits(), wanted)


@pytest.mark.parametrize("sizes", [(4, 2, 64), (2, 2, 64), (0, 64)])
def test_allowed_sizes_must_ascend_from_one(sizes):
    with pytest.raises(InvalidRequest, match="allowed_batch_sizes must ascend"):
        with_overrides(BatchLimits(), BatchOverrides(allowed_batch_sizes=sizes))


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (BatchOverrides(max_batch_size=0), "max_batch_size"),
        (BatchOverrides(batch_timeout_micros=-1), "batch_timeout_micros"),
        (BatchOverrides(max_enqueued_batches=0), "max_enqueued_batches"),
        (BatchOverrides(num_batch_threads=0), "num_batch_threads"),
    ],
)
def test_limits_that_cannot_be_kept_are_named(wanted, name):
    with pytest.raises(InvalidRequest, match=f"{name} must be at least"):
        with_overrides(BatchLimits(), wanted)
