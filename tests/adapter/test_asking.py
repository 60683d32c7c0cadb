"""A tensor made for the version that answers, also while versions change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adapter.asking import ask
from adapter.catalogue import Catalogue
from adapter.deadline import Deadline
from adapter.ports import Scores
from model_store.errors import BadImage, EaselError, ServableNotFound, ServerFailed
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, spec_of, sure_of
from tests.fakes import FakeModelServer, FakeServable
from tests.model_store.pictures import DIGIT

SMALL, LARGE, DARK = DIGIT, replace(DIGIT, size=(32, 32)), replace(DIGIT, invert=False)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "models"


def blank(contract):
    return np.zeros((1, *contract.shape), np.uint8)


def asked(root, server, to_batch=blank, version=None):
    deadline = Deadline.after(30)
    return ask(Catalogue(root), server, "numbers", to_batch, deadline, version=version)


def serving(contracts, live=None) -> FakeModelServer:
    """A server of versions by number."""
    loaded = {ModelVersion("numbers", n): sure_of(n, each) for n, each in contracts.items()}
    return FakeModelServer(loaded, {"numbers": live} if live else {})


def test_a_server_that_is_behind_gets_the_input_of_its_own_version(root):
    publish(root, SMALL)
    publish(root, LARGE)
    server = serving({1: SMALL})
    found = asked(root, server)
    assert found.version.model.number == 1
    assert [call.version for call in server.calls] == [None, 2, 1]
    assert server.calls[-1].inputs["image"].shape == (1, 28, 28, 1)


def test_a_damaged_version_between_is_not_asked_for(root):
    for contract in (SMALL, LARGE, LARGE):
        publish(root, contract)
    (root / "numbers" / "2" / "manifest.json").write_text("{")
    server = serving({1: SMALL})
    assert asked(root, server).version.model.number == 1
    assert [call.version for call in server.calls] == [None, 3, 1]


def test_a_server_that_is_ahead_gets_the_input_of_its_own_version(root):
    publish(root, SMALL)
    publish(root, LARGE)
    (root / "numbers" / "deployment.json").write_text('{"labels": {"stable": 1}}')
    server = serving({2: LARGE})
    assert asked(root, server).version.model.number == 2
    assert [call.version for call in server.calls] == [None, 1, 2]


def test_the_version_that_the_tensor_was_made_for_is_asked_before_others(root):
    publish(root, SMALL)
    publish(root, LARGE)
    server = serving({1: SMALL, 2: LARGE}, live=1)
    assert asked(root, server).version.model.number == 2
    assert [call.version for call in server.calls] == [None, 2]


def test_a_version_that_took_the_wrong_picture_and_is_gone_is_not_waited_for(root):
    publish(root, DARK)
    publish(root, SMALL)

    class Swapping(FakeModelServer):
        def predict(self, model, version, inputs, *, timeout_s):
            scores = super().predict(model, version, inputs, timeout_s=timeout_s)
            self.servables, self.live = serving({2: SMALL}).servables, {}
            return scores

    server = Swapping(serving({1: DARK, 2: SMALL}).servables, {"numbers": 1})
    found = asked(root, server)
    assert found.version.model.number == 2
    assert [call.version for call in server.calls] == [None, 1, 2]


def test_a_tensor_that_no_version_takes_is_not_the_callers_mistake(root):
    publish(root, SMALL)
    publish(root, SMALL)
    server = serving({1: LARGE, 2: LARGE})
    with pytest.raises(ServerFailed, match="refuses what the store says numbers takes"):
        asked(root, server)
    assert [call.version for call in server.calls] == [None, 2, 1] * 2


def test_a_server_that_swaps_while_it_is_asked_is_asked_once_more(root):
    publish(root, SMALL)
    publish(root, LARGE)

    class Swapping(FakeModelServer):
        def predict(self, model, version, inputs, *, timeout_s):
            if version == 1:
                self.servables = serving({2: LARGE}).servables
            return super().predict(model, version, inputs, timeout_s=timeout_s)

    server = Swapping(serving({1: SMALL}).servables)
    assert asked(root, server).version.model.number == 2
    assert [call.version for call in server.calls] == [None, 2, 1, None]


def test_of_many_versions_only_likely_ones_are_asked(root):
    for _ in range(9):
        publish(root, LARGE)
    catalogue = Catalogue(root)
    catalogue.note_answer(ModelVersion("numbers", 2))
    server = serving({2: SMALL})
    with pytest.raises(ServerFailed):
        ask(catalogue, server, "numbers", blank, Deadline.after(30))
    assert [call.version for call in server.calls] == [None, 9, 2, 8, 7] * 2


def test_a_model_that_the_server_does_not_have_is_not_looked_for_further(root):
    publish(root, SMALL)
    publish(root, LARGE)
    server = serving({})
    with pytest.raises(ServableNotFound):
        asked(root, server)
    assert len(server.calls) == 1


def test_a_picture_that_cannot_be_read_is_the_callers_mistake(root):
    publish(root, SMALL)

    def unreadable(contract):
        raise BadImage("no picture")

    for version in (None, 1):
        with pytest.raises(BadImage):
            asked(root, serving({1: SMALL}), unreadable, version)


def test_a_failure_of_the_graph_is_no_reason_to_ask_another_version(root):
    publish(root, SMALL)
    publish(root, LARGE)

    def fail(inputs):
        raise EaselError("the graph failed")

    server = FakeModelServer({ModelVersion("numbers", 2): FakeServable(spec_of(LARGE), fail)})
    with pytest.raises(EaselError, match="the graph failed"):
        asked(root, server)
    assert len(server.calls) == 1


def test_a_server_that_always_answers_with_another_version_is_given_up(root):
    publish(root, SMALL)
    publish(root, DARK)

    class Contrary(FakeModelServer):
        def predict(self, model, version, inputs, *, timeout_s):
            self.calls.append(version)
            return Scores(1 if version in (None, 2) else 2, {})

    server = Contrary()
    with pytest.raises(ServerFailed, match="another version"):
        asked(root, server)
    assert server.calls == [None, 1, 2]


def test_a_version_that_is_asked_for_is_the_only_one_that_is_asked(root):
    publish(root, SMALL)
    publish(root, LARGE)
    server = serving({1: SMALL, 2: SMALL})
    assert asked(root, server, version=1).version.model.number == 1
    with pytest.raises(ServerFailed, match="refuses what the store says"):
        asked(root, server, version=2)
    with pytest.raises(ServableNotFound):
        asked(root, serving({2: LARGE}), version=1)
    assert [call.version for call in server.calls] == [1, 2]


def test_equal_contracts_are_one_tensor_however_many_versions_are_asked(root):
    made = []
    for _ in range(3):
        publish(root, SMALL)
    with pytest.raises(ServerFailed):
        asked(root, serving({1: LARGE}), lambda contract: made.append(contract) or blank(contract))
    assert made == [SMALL, SMALL]  # of each of the two rounds
