"""Bodies that never end, and requests that wait for their turn."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from adapter.deadline import Deadline
from adapter.http.turns import _EACH, _TOGETHER, READERS, Turns
from model_store.errors import Overloaded, RateLimited


def test_a_caller_with_many_unfinished_bodies_waits_and_others_do_not():
    turns = Turns(1, patience_s=0.01)
    with ExitStack() as stack:
        for _ in range(_EACH):
            stack.enter_context(turns.reading("slow"))
        with pytest.raises(RateLimited, match="unfinished; send them whole"), turns.reading("slow"):
            pass
        with turns.reading("quick"):
            pass
    with turns.reading("slow"):
        pass


def test_all_together_leave_threads_for_those_who_only_look():
    assert _TOGETHER < READERS
    turns = Turns(1, patience_s=0.01)
    with ExitStack() as stack:
        for index in range(_TOGETHER):
            stack.enter_context(turns.reading(f"caller {index}"))
        with pytest.raises(Overloaded, match="are unfinished"), turns.reading("another"):
            pass


def test_a_body_that_failed_gives_its_place_back():
    turns = Turns(1, patience_s=0.01)
    for _ in range(2 * _TOGETHER):
        with pytest.raises(ZeroDivisionError), turns.reading("a"):
            raise ZeroDivisionError


def test_one_that_rests_leaves_its_turn_and_has_it_again():
    turns = Turns(1)
    with turns.working(Deadline.after(1)):
        with pytest.raises(ZeroDivisionError), turns.resting():
            with turns.working(Deadline.after(1)):
                pass
            raise ZeroDivisionError
        with pytest.raises(Overloaded), turns.working(Deadline.after(0.01)):
            pass


def test_work_waits_for_its_turn_until_its_deadline():
    turns = Turns(1)
    with turns.working(Deadline.after(1)):
        with pytest.raises(Overloaded, match="at once"), turns.working(Deadline.after(0.01)):
            pass
    with pytest.raises(ZeroDivisionError), turns.working(Deadline.after(1)):
        raise ZeroDivisionError
    with turns.working(Deadline.after(1)):
        pass
