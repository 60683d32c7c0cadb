"""Slow model servers are waited for without a turn, quick ones within it."""

from __future__ import annotations

from contextlib import contextmanager, suppress

import numpy as np
import pytest

from adapter.ports import Scores
from adapter.resting import SLOW_S, RestingServer
from model_store.errors import ServerUnreachable

INPUTS = {"x": np.zeros((1, 1), np.float32)}


class Server:
    """Takes as long as it is told, on a clock of its own."""

    def __init__(self):
        self.now = self.takes_s = 0.0
        self.failure = None

    def clock(self):
        return self.now

    def predict(self, model, version, inputs, *, timeout_s):
        self.now += self.takes_s
        if self.failure is not None:
            raise self.failure
        return Scores(version or 1, inputs)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def asked(server):
    """Asks a model, and says whether the turn was given up meanwhile."""
    rests = []

    @contextmanager
    def resting():
        rests.append(1)
        yield

    over = RestingServer(server, resting, server.clock)

    def ask(takes_s, model="m"):
        before, server.takes_s = len(rests), takes_s
        with suppress(ServerUnreachable):
            assert over.predict(model, 3, INPUTS, timeout_s=1.0).version == 3
        return len(rests) > before

    return ask


def test_a_model_that_was_slow_is_waited_for_without_a_turn_until_it_is_quick(asked):
    assert not asked(SLOW_S / 2)
    assert not asked(2 * SLOW_S), "nobody knew"
    assert asked(2 * SLOW_S)
    assert asked(SLOW_S / 2)
    assert not asked(SLOW_S / 2)


def test_each_model_is_judged_by_itself(asked):
    asked(2 * SLOW_S, "large")
    assert not asked(0.0, "small")
    assert asked(0.0, "large")


def test_a_failure_that_took_long_counts_too(asked, server):
    server.failure = ServerUnreachable("gone")
    asked(2 * SLOW_S)
    server.failure = None
    assert asked(0.0)
