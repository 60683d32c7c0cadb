"""A run alone gets more threads where that is faster; runs in company never do."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from serving.engine.elastic import EXPLORE, EXPLORE_SOON, ElasticSession, widened
from serving.engine.onnx_runtime import OnnxModel
from tests.serving.engine.sessions import Doubler, rows
from tests.support import TIMES_TWO, linear_graph

FASTER_WIDE, SLOWER_WIDE = (2.0, 1.0), (1.0, 2.0)


def counts(sessions: tuple[Doubler, Doubler]) -> tuple[int, int]:
    return tuple(len(session.batches) for session in sessions)


def test_a_run_alone_is_wide_where_that_is_faster():
    sessions = Doubler(), Doubler()
    (answer,) = ElasticSession(*sessions, FASTER_WIDE).run(("y",), rows(3))
    assert answer.item() == 6
    assert counts(sessions) == (0, 1)


def test_a_run_alone_is_narrow_where_the_other_cores_are_busy_with_something_else():
    sessions = Doubler(), Doubler()
    ElasticSession(*sessions, SLOWER_WIDE).run(("y",), rows(3))
    assert counts(sessions) == (1, 0)


def test_a_run_is_narrow_while_other_processes_keep_all_cores_busy():
    sessions, crowds = (Doubler(), Doubler()), [True]
    elastic = ElasticSession(*sessions, FASTER_WIDE, lambda: crowds[0])
    elastic.run(("y",), rows(3))
    assert counts(sessions) == (1, 0)
    crowds[0] = False
    elastic.run(("y",), rows(3))
    assert counts(sessions) == (1, 1)


def test_a_run_beside_another_is_narrow_and_leaves_no_trace():
    sessions = Doubler(), Doubler()
    elastic = ElasticSession(*sessions, FASTER_WIDE)
    sessions[1].gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(elastic.run, ("y",), rows(1))
        assert sessions[1].begun.acquire(timeout=10)
        elastic.run(("y",), rows(2))
        assert counts(sessions) == (1, 0)
        sessions[1].gate.set()
        first.result()
    assert elastic._seconds == list(FASTER_WIDE)
    elastic.run(("y",), rows(3))
    assert counts(sessions) == (1, 2)


def test_the_slower_session_is_tried_now_and_then_and_wins_when_it_has_become_faster():
    sessions = Doubler(), Doubler()
    # As if wide runs had become slow: any real one takes less than 1 s.
    elastic = ElasticSession(*sessions, (1.0, 1000.0))
    for _ in range(EXPLORE_SOON - 1):
        elastic.run(("y",), rows(1))
    assert counts(sessions) == (EXPLORE_SOON - 1, 0)
    elastic.run(("y",), rows(1))
    assert counts(sessions) == (EXPLORE_SOON - 1, 1)
    assert elastic._seconds[1] < 1000.0


def tried(elastic: ElasticSession, sessions: tuple[Doubler, Doubler], runs: int) -> list[int]:
    """Which of the next *runs* the wide session had."""
    found = []
    for number in range(runs):
        before = counts(sessions)[1]
        elastic.run(("y",), rows(1))
        if counts(sessions)[1] > before:
            found.append(number)
    return found


def test_the_slower_session_is_tried_ever_more_seldom_until_there_was_company():
    sessions, crowds = (Doubler(), Doubler()), [False]
    elastic = ElasticSession(*sessions, (1.0, 1e30), lambda: crowds[0])
    found = tried(elastic, sessions, 4 * EXPLORE)
    assert [after - before for before, after in pairwise([-1, *found])] == [4, 8, 16, 32, 32, 32]
    crowds[0] = True
    assert tried(elastic, sessions, EXPLORE) == []
    crowds[0] = False
    (first, second) = tried(elastic, sessions, 3 * EXPLORE_SOON)
    assert second - first == 2 * EXPLORE_SOON


def test_a_failed_run_is_over_too():
    sessions = Doubler(), Doubler()
    elastic = ElasticSession(*sessions, FASTER_WIDE)
    with pytest.raises(KeyError):
        elastic.run(("y",), {"z": np.zeros(1)})
    elastic.run(("y",), rows(1))
    assert counts(sessions) == (0, 1)


class Slow(Doubler):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def run(self, outputs, inputs, abort=None):
        time.sleep(self.seconds)
        return super().run(outputs, inputs, abort)


@pytest.mark.parametrize(
    ("narrow_s", "wide_s", "above_s", "is_elastic"),
    [
        (0.02, 0.0, 0.001, True),
        # Another process may have loaded a model at the same moment.
        (0.02, 0.021, 0.001, True),
        (0.0, 0.02, 0.0, False),
        (0.0, 0.0, 10.0, False),
    ],
    ids=["faster", "as fast", "slower", "cheap"],
)
def test_a_second_session_is_kept_where_it_may_help(narrow_s, wide_s, above_s, is_elastic):
    narrow = Slow(narrow_s)
    chosen = widened(narrow, lambda: Slow(wide_s), lambda each: each.run(("y",), rows(1)), above_s)
    assert isinstance(chosen, ElasticSession) == is_elastic
    assert is_elastic or chosen is narrow


def test_a_graph_that_is_loaded_twice_gives_the_same_answers(tmp_path: Path):
    linear_graph(tmp_path / "model.onnx", TIMES_TWO, 2.0)
    model = OnnxModel(tmp_path / "model.onnx", intra_op_threads=1)
    x = np.float32([[1, 2, 3]])
    before = model.session("serving_default").run(("y",), {"x": x})
    model.widen(2, above_s=-1.0, is_crowded=lambda: False)
    np.testing.assert_array_equal(model.session("serving_default").run(("y",), {"x": x}), before)
