"""The stopwatch takes turns, keeps to its budget, and times what it was given."""

from __future__ import annotations

import numpy as np
import onnx

from export.graph.stopwatch import SETTINGS, InTurns, Setting, time_graphs
from tests.export.graph.graphs import model, node, tensor


class Clock:
    """Seconds that pass only when a call says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def taking(self, name: str, *seconds: float):
        left = list(seconds)

        def call() -> None:
            self.calls.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call


def test_the_median_of_each_is_told_and_both_warm_up_first():
    clock = Clock()
    watch = InTurns(rounds=3, budget_s=1e9, clock=clock)
    found = watch.medians(SETTINGS[0], {
        "a": clock.taking("a", 50, 50, 1, 9, 2), "b": clock.taking("b", 50, 50, 4, 5, 90),
    })  # fmt: skip
    assert found == {"a": 2, "b": 5}
    assert clock.calls == ["a", "a", "b", "b", *"abbaab"]


def test_no_round_is_begun_after_the_budget_but_five_are_done():
    clock = Clock()
    InTurns(rounds=50, budget_s=5, clock=clock).medians(SETTINGS[0], {"a": clock.taking("a", 2)})
    assert len(clock.calls) == 2 + 5
    clock = Clock()
    InTurns(rounds=50, budget_s=13, clock=clock).medians(SETTINGS[0], {"a": clock.taking("a", 2)})
    assert len(clock.calls) == 2 + 7


def test_graphs_are_timed_at_every_setting_on_as_many_rows(tmp_path):
    graph = model(
        [node("Relu", "x", "y")], [tensor("x", ["batch", 2])], [tensor("y", ["batch", 2])]
    )
    onnx.save(graph, tmp_path / "model.onnx")

    class Looks:
        def medians(self, setting, calls):
            (call,) = calls.values()
            assert len(call()["y"]) == setting.batch
            return {"only": setting.batch / 1e3}

    rows = {"x": np.zeros((3, 2), np.float32)}
    found = time_graphs({"only": tmp_path / "model.onnx"}, rows, Looks(), has_batch=True)
    assert [(timing.setting, timing.ms) for timing in found["only"]] == [
        (setting, float(setting.batch)) for setting in SETTINGS
    ]


def test_a_setting_says_what_it_is():
    assert [str(setting) for setting in SETTINGS[1:3]] == [
        "batch 8, 1 thread",
        "batch 1, all cores",
    ]
    assert str(Setting(0, 1)) == "1 thread"
