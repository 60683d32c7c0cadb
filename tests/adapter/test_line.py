"""Who waits in a line is let in before who comes later."""

from __future__ import annotations

import threading

from adapter.line import Line

_PATIENCE_S = 20.0


def wait_until_waiting(line: Line, number: int) -> None:
    waited = threading.Event()
    while len(line) < number:
        waited.wait(0.001)


def test_so_many_are_let_in_as_there_are_places():
    line = Line(2)
    assert [line.enter(0.01) for _ in range(3)] == [True, True, False]
    line.leave()
    assert [line.enter(0.01) for _ in range(2)] == [True, False]


def test_who_gave_up_is_not_let_in_any_more():
    line = Line(1)
    assert line.enter(0)
    assert not line.enter(0.01)
    assert not len(line)
    line.leave()
    assert line.enter(0)


def test_those_who_wait_are_let_in_as_they_came():
    line, order = Line(1), []
    assert line.enter(0)

    def come(name: int) -> None:
        assert line.enter(_PATIENCE_S)
        order.append(name)
        line.leave()

    threads = [threading.Thread(target=come, args=(name,)) for name in range(5)]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        wait_until_waiting(line, number)
    line.leave()
    for thread in threads:
        thread.join(_PATIENCE_S)
    assert order == [0, 1, 2, 3, 4]


def test_who_has_just_left_does_not_pass_who_waits():
    line, may_leave = Line(1), threading.Event()
    assert line.enter(0)

    def come() -> None:
        assert line.enter(_PATIENCE_S)
        may_leave.wait(_PATIENCE_S)
        line.leave()

    waiting = threading.Thread(target=come)
    waiting.start()
    wait_until_waiting(line, 1)
    line.leave()
    assert not line.enter(0.01)
    may_leave.set()
    waiting.join(_PATIENCE_S)
    assert line.enter(0)


def test_who_comes_back_is_in_at_once_and_then_two_must_leave_before_another_is_let_in():
    line = Line(1)
    assert line.enter(0)
    line.leave()
    assert line.enter(0)
    line.come_back()
    waiting = threading.Thread(target=line.enter, args=(_PATIENCE_S,))
    waiting.start()
    wait_until_waiting(line, 1)
    line.leave()
    assert len(line) == 1
    line.leave()
    waiting.join(_PATIENCE_S)
    assert not len(line)
    line.leave()
    assert [line.enter(0.01) for _ in range(2)] == [True, False]
