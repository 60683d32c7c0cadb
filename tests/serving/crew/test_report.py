"""What several processes say, made into one."""

from __future__ import annotations

import pytest

from model_store.errors import ServableNotReady
from model_store.spec import ModelVersion
from serving.crew.report import Report, together
from serving.engine.statistics import Spent, Statistics
from serving.engine.status import LoadCounts, State, VersionStatus

ONE = ModelVersion("a", 1)


def saying(*states: State, error: str = "") -> Report:
    """A report of one model with these versions."""
    statuses = tuple(
        VersionStatus(ModelVersion("a", number), state, error)
        for number, state in enumerate(states, 1)
    )
    return Report(is_ready=True, has_looked=True, models=("a",), statuses={"a": statuses})


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (State.AVAILABLE, State.AVAILABLE, State.AVAILABLE),
        (State.AVAILABLE, State.LOADING, State.LOADING),
        (State.AVAILABLE, State.UNLOADING, State.UNLOADING),
        (State.AVAILABLE, State.END, State.END),
        (State.LOADING, State.START, State.START),
        (State.UNLOADING, State.END, State.END),
    ],
)
def test_a_version_is_as_far_as_the_worker_where_it_is_least(one, other, both):
    for reports in ([saying(one), saying(other)], [saying(other), saying(one)]):
        (status,) = together(reports).of("a")
        assert status.state is both


def test_a_version_that_one_worker_has_not_seen_yet_is_not_available():
    found = together([saying(State.AVAILABLE, State.AVAILABLE), saying(State.AVAILABLE)])
    assert [each.state for each in found.of("a")] == [State.AVAILABLE, State.START]


def test_a_version_that_one_worker_has_forgotten_has_still_ended():
    (status,) = together([saying(State.END), saying()]).of("a")
    assert status.state is State.END


def test_of_two_ends_the_one_with_a_reason_is_told():
    for reports in (
        [saying(State.END), saying(State.END, error="no room")],
        [saying(State.END, error="no room"), saying(State.END)],
    ):
        assert together(reports).of("a")[0].error == "no room"


def test_all_are_ready_when_each_is():
    good, bad = Report(is_ready=True, has_looked=True), Report(is_ready=False, has_looked=True)
    assert together([good, good]).is_ready
    assert not together([good, bad]).is_ready


def test_a_model_is_unknown_only_when_all_have_looked():
    new = Report(is_ready=False, has_looked=False)
    assert together([saying(State.END)]).of("nobody") == ()
    with pytest.raises(ServableNotReady, match="nobody is not ready"):
        together([saying(State.END), new]).of("nobody")


def test_what_was_done_is_added_up_and_what_was_loaded_is_not():
    def report(rows: int, loads: int) -> Report:
        return Report(
            is_ready=True,
            has_looked=True,
            done={ONE: Statistics(rows=rows, runs=1, last_ms=rows, success=Spent(rows, 10))},
            waiting={ONE: rows},
            loads={"a": LoadCounts(loads=loads, last_load_s=0.5)},
            problems={"a": "why"} if loads > 1 else {},
            process={"process_open_fds": rows, "process_max_fds": 9 - loads},
        )

    found = together([report(3, 1), report(4, 2), Report(is_ready=True, has_looked=True)])
    assert found.done == {ONE: Statistics(rows=7, runs=2, last_ms=4, success=Spent(7, 20))}
    assert found.waiting == {ONE: 7}
    assert found.loads == {"a": LoadCounts(loads=2, last_load_s=0.5)}
    assert found.problems == {"a": "why"}
    assert found.process == {"process_open_fds": 7, "process_max_fds": 7}
