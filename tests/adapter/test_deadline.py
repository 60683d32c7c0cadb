"""A point in time that all who work for a request obey."""

from __future__ import annotations

import pytest

from adapter.deadline import Deadline
from model_store.errors import DeadlineExceeded


def test_what_is_left_shrinks_as_the_clock_goes_on_and_then_is_an_error():
    now = 100.0
    deadline = Deadline.after(2.0, clock=lambda: now)
    assert deadline.left_s() == 2.0
    now = 101.5
    assert deadline.left_s() == 0.5
    now = 102.0
    with pytest.raises(DeadlineExceeded, match="time was over"):
        deadline.left_s()
