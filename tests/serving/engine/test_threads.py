"""How the cores are used, and that the reasons say it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.engine.machine import Machine
from serving.engine.threads import choose, usable_cores, widest_bytes


@pytest.mark.parametrize(
    ("machine", "cores", "words"),
    [
        (Machine(1, 1), 1, "1 core."),
        (Machine(8, 8), 8, "8 cores."),
        (Machine(8, 2), 2, "8 cores, of which this process may use 2."),
        (Machine(8, 8, 2.5), 2, "8 cores, and time for 2.5 of them: 2 cores can be kept busy."),
        (Machine(8, 8, 0.5), 1, "8 cores, and time for 0.5 of them: 1 core can be kept busy."),
        (Machine(8, 4, 6.0), 4, "8 cores, of which this process may use 4."),
    ],
)
def test_only_cores_that_can_be_kept_busy_count(machine, cores, words):
    assert usable_cores(machine) == (cores, words)


def test_runs_in_company_have_a_thread_each_and_one_alone_has_them_all():
    plan = choose(Machine(4, 4))
    assert (plan.lanes, plan.intra_op_threads, plan.wide_threads) == (4, 1, 4)
    assert "4 runs at a time with 1 thread each" in " ".join(plan.reasons)
    assert "A run that is alone gets 4 threads" in " ".join(plan.reasons)


def test_one_core_has_one_lane_and_no_second_session():
    plan = choose(Machine(1, 1))
    assert (plan.lanes, plan.intra_op_threads, plan.wide_threads) == (1, 1, 1)
    assert "alone" not in " ".join(plan.reasons)


def test_workers_share_the_cores_but_a_client_of_one_has_more_than_its_share():
    plan = choose(Machine(16, 16), workers=4)
    assert (plan.cores, plan.lanes) == (8, 8)
    assert "each plans with 8 cores" in " ".join(plan.reasons)
    assert choose(Machine(2, 2), workers=2).lanes == 2
    assert choose(Machine(1, 1), workers=8).lanes == 1


def test_a_run_that_is_alone_is_as_wide_in_a_worker_as_in_a_process_alone():
    for cores in (1, 2, 4, 64):
        machine = Machine(cores, cores)
        assert choose(machine, workers=4).wide_threads == choose(machine).wide_threads


def test_what_the_operator_chose_is_kept_and_said():
    plan = choose(Machine(8, 8), lanes=3, intra_op_threads=2)
    assert (plan.lanes, plan.intra_op_threads, plan.wide_threads) == (3, 2, 2)
    assert {"intra_op_threads is set to 2.", "lanes is set to 3."} <= set(plan.reasons)


def test_threads_of_the_operators_choice_leave_fewer_lanes():
    assert choose(Machine(8, 8), intra_op_threads=4).lanes == 2


@given(
    st.integers(1, 256),
    st.integers(1, 256),
    st.none() | st.floats(0.01, 300),
    st.integers(1, 64),
)
def test_every_machine_is_filled_and_none_is_crowded(cores, allowed, quota, workers):
    plan = choose(Machine(max(cores, allowed), allowed, quota), workers=workers)
    assert 1 <= plan.lanes * plan.intra_op_threads <= max(plan.cores, 1)
    assert plan.wide_threads <= allowed
    assert plan.cores <= allowed


def test_a_model_may_be_loaded_twice_if_it_is_small_beside_the_memory():
    assert widest_bytes(Machine(1, 1, None, 1600)) == 100
    assert widest_bytes(Machine(1, 1)) == math.inf
