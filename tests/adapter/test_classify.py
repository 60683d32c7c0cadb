"""A picture in, ranked labels out: of the version that answered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from adapter.catalogue import Catalogue
from adapter.classify import Classifier, Ranked, rank
from adapter.deadline import Deadline
from adapter.decoding import DecodingRoom
from model_store.errors import (
    BadImage,
    DeadlineExceeded,
    EaselError,
    ImageTooLarge,
    ServableNotFound,
)
from model_store.images.limits import ImageLimits
from model_store.preprocess import to_tensor
from model_store.spec import ModelVersion
from tests.adapter.stores import publish, spec_of, sure_of
from tests.fakes import FakeModelServer, FakeServable, always
from tests.model_store.pictures import DIGIT, encode, three

DIGITS = tuple("0123456789")
KOREAN = tuple("영일이삼사오육칠팔구")
THREE = encode(three())
SOON = Deadline(3.0, clock=lambda: 0.0)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "models"


def classifier(root, server) -> Classifier:
    return Classifier(Catalogue(root), server, DecodingRoom(ImageLimits()))


def serving(root, *servables: FakeServable, **more) -> FakeModelServer:
    """A server of numbers/1, numbers/2 and so on."""
    loaded = {ModelVersion("numbers", 1 + at): item for at, item in enumerate(servables)}
    return FakeModelServer(loaded, **more)


def test_a_drawing_is_sent_as_the_contract_says_and_ranked(root):
    publish(root, DIGIT, DIGITS)
    server = serving(root, sure_of(3, DIGIT))
    found = classifier(root, server).classify("numbers", THREE, SOON)
    (call,) = server.calls
    assert (call.model, call.version, call.timeout_s) == ("numbers", None, 3.0)
    assert np.array_equal(call.inputs["image"], to_tensor(THREE, DIGIT))
    assert found.model == ModelVersion("numbers", 1)
    assert found.predictions[0] == Ranked("3", pytest.approx(0.91))
    assert [ranked.label for ranked in found.predictions] == list("3012456789")


def test_the_labels_are_those_of_the_version_that_answered(root):
    publish(root, DIGIT, DIGITS)
    publish(root, DIGIT, KOREAN)
    server = serving(root, sure_of(3, DIGIT), sure_of(4, DIGIT), live={"numbers": 1})
    found = classifier(root, server).classify("numbers", THREE, SOON)
    assert (found.model.number, found.predictions[0].label) == (1, "3")
    server.live = {"numbers": 2}
    found = classifier(root, server).classify("numbers", THREE, SOON)
    assert (found.model.number, found.predictions[0].label) == (2, "사")


def test_a_version_that_wants_another_picture_is_asked_again_as_it_wants(root):
    dark = replace(DIGIT, invert=False)
    publish(root, dark, DIGITS)
    publish(root, DIGIT, KOREAN)
    server = serving(root, sure_of(3, dark), sure_of(4, DIGIT), live={"numbers": 1})
    found = classifier(root, server).classify("numbers", THREE, SOON)
    assert (found.model.number, found.predictions[0].label) == (1, "3")
    first, second = server.calls
    assert (first.version, second.version) == (None, 1)
    assert np.array_equal(second.inputs["image"], 255 - first.inputs["image"])


def test_equal_contracts_are_one_call_also_between_versions(root):
    publish(root, DIGIT, DIGITS)
    publish(root, DIGIT, DIGITS)
    server = serving(root, sure_of(3, DIGIT), sure_of(4, DIGIT), live={"numbers": 1})
    classifier(root, server).classify("numbers", THREE, SOON)
    assert len(server.calls) == 1


def test_a_model_without_labels_answers_with_the_index(root):
    publish(root, DIGIT)
    server = serving(root, sure_of(7, DIGIT))
    assert classifier(root, server).classify("numbers", THREE, SOON).predictions[0].label == "7"


def test_what_cannot_be_read_never_reaches_the_server(root):
    publish(root, DIGIT, DIGITS)
    server = serving(root, sure_of(3, DIGIT))
    small = Classifier(Catalogue(root), server, DecodingRoom(ImageLimits(max_pixels=10)))
    with pytest.raises(ImageTooLarge):
        small.classify("numbers", THREE, SOON)
    with pytest.raises(BadImage):
        classifier(root, server).classify("numbers", b"drawing", SOON)
    with pytest.raises(ServableNotFound):
        classifier(root, server).classify("cats", THREE, SOON)
    assert not server.calls


def test_a_failure_of_the_server_is_passed_on(root):
    publish(root, DIGIT, DIGITS)
    with pytest.raises(DeadlineExceeded):
        classifier(root, serving(root, sure_of(3, DIGIT), takes_s=9)).classify(
            "numbers", THREE, SOON
        )
    with pytest.raises(ServableNotFound, match="not loaded"):
        classifier(root, FakeModelServer()).classify("numbers", THREE, SOON)


@pytest.mark.parametrize(
    "outputs",
    [{}, {"a": np.zeros((1, 10)), "b": np.zeros((1, 10))}, {"a": np.zeros(10)}],
    ids=["none", "two", "flat"],
)
def test_a_model_that_is_no_classifier_is_told(root, outputs):
    publish(root, DIGIT, DIGITS)
    server = serving(root, FakeServable(spec_of(DIGIT), lambda _: outputs))
    with pytest.raises(EaselError, match="numbers is no classifier"):
        classifier(root, server).classify("numbers", THREE, SOON)


def test_a_version_whose_labels_do_not_fit_is_told(root):
    publish(root, DIGIT, ("zero", "one"))
    server = serving(root, always(0.5, 0.2, 0.3, image=spec_of(DIGIT)))
    with pytest.raises(EaselError, match="2 class labels for 3 scores"):
        classifier(root, server).classify("numbers", THREE, SOON)


def test_equal_scores_keep_the_order_of_the_labels():
    ranked = rank(np.array([0.2, 0.4, 0.2, 0.4], np.float32), ("a", "b", "c", "d"))
    assert [one.label for one in ranked] == ["b", "d", "a", "c"]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float16, np.float64, np.bool_])
def test_scores_of_any_type_are_ranked_by_their_value(dtype):
    ranked = rank(np.array([0, 1, 0], dtype), ("a", "b", "c"))
    assert [one.label for one in ranked] == ["b", "a", "c"]
    assert all(type(one.score) is float for one in ranked)


def test_the_lowest_number_of_a_type_is_still_the_lowest():
    ranked = rank(np.array([-128, 5, 127], np.int8), ("a", "b", "c"))
    assert [one.label for one in ranked] == ["c", "b", "a"]


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_a_failure_and_no_answer(score):
    with pytest.raises(EaselError, match="not a number"):
        rank(np.array([0.5, score], np.float32), ("a", "b"))


@given(arrays.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1e6, 1e6, width=32)))
def test_ranking_loses_nothing_and_is_sorted(scores):
    ranked = rank(scores, ())
    assert sorted(int(one.label) for one in ranked) == list(range(len(scores)))
    assert [one.score for one in ranked] == sorted(map(float, scores), reverse=True)
    assert all(one.score == float(scores[int(one.label)]) for one in ranked)
