"""What the store says about models: which version is live, its contract and labels."""

from __future__ import annotations

import itertools
import json
import shutil

import pytest

from adapter.catalogue import Catalogue
from model_store.errors import BadVersion, InvalidRequest, ServableNotFound
from model_store.spec import ModelVersion
from tests.adapter.stores import publish
from tests.model_store.pictures import COLOUR, DIGIT


@pytest.fixture
def root(tmp_path):
    return tmp_path / "models"


def label(root, **labels):
    (root / "numbers" / "deployment.json").write_text(json.dumps({"labels": labels}))


def test_a_model_is_its_contract_and_labels(root):
    publish(root, DIGIT, ("zero", "one"))
    found = Catalogue(root).live("numbers")
    assert (found.model, found.contract) == (ModelVersion("numbers", 1), DIGIT)
    assert found.labels == ("zero", "one")


def test_the_newest_version_is_live_where_none_is_labelled_stable(root):
    catalogue = Catalogue(root, itertools.count().__next__)
    for number in (1, 2):
        publish(root, DIGIT)
        assert catalogue.live("numbers").model.number == number


def test_the_version_labelled_stable_is_live(root):
    publish(root, COLOUR)
    publish(root, DIGIT)
    label(root, stable=1, canary=2)
    assert Catalogue(root).live("numbers").contract == COLOUR


def test_a_label_for_a_version_that_is_gone_is_passed_over(root):
    publish(root, DIGIT)
    label(root, stable=7)
    assert Catalogue(root).live("numbers").model.number == 1


def test_a_label_moves_without_a_restart(root):
    publish(root, COLOUR)
    publish(root, DIGIT)
    catalogue = Catalogue(root, itertools.count().__next__)
    for number in (1, 2, 1):
        label(root, stable=number)
        assert catalogue.live("numbers").model.number == number


def test_the_store_is_looked_at_again_after_a_moment_and_not_before(root):
    now = 0.0
    publish(root, COLOUR)
    catalogue = Catalogue(root, lambda: now)
    assert catalogue.live("numbers").model.number == 1
    publish(root, DIGIT)
    now = Catalogue.LIVE_S / 2
    assert catalogue.live("numbers").model.number == 1
    now = Catalogue.LIVE_S
    assert catalogue.live("numbers").model.number == 2


def test_any_version_can_be_asked_for_and_is_read_once(root):
    publish(root, DIGIT, ("zero",))
    publish(root, COLOUR)
    catalogue = Catalogue(root)
    first = catalogue.version("numbers", 1)
    (root / "numbers" / "1" / "labels.txt").write_text("changed")
    assert catalogue.version("numbers", 1) is first


def test_likely_to_be_served_are_the_version_that_answered_last_and_the_newest(root):
    catalogue = Catalogue(root)
    for _ in range(5):
        publish(root, DIGIT)
    assert catalogue.likely("numbers") == (5, 4, 3)
    catalogue.note_answer(ModelVersion("numbers", 1))
    assert catalogue.likely("numbers") == (1, 5, 4, 3)
    shutil.rmtree(root / "numbers" / "1")
    assert catalogue.likely("numbers") == (5, 4, 3)
    assert catalogue.likely("cats") == ()


def test_what_is_not_there_is_told(root):
    publish(root, DIGIT)
    catalogue = Catalogue(root)
    with pytest.raises(ServableNotFound, match="no model 'cats'"):
        catalogue.live("cats")
    with pytest.raises(ServableNotFound, match="no version numbers/9"):
        catalogue.version("numbers", 9)
    with pytest.raises(InvalidRequest, match="cannot name a model"):
        catalogue.live("../numbers")


def test_a_version_that_was_not_there_is_found_once_it_is(root):
    catalogue = Catalogue(root)
    with pytest.raises(ServableNotFound):
        catalogue.version("numbers", 1)
    publish(root, DIGIT)
    assert catalogue.version("numbers", 1).contract == DIGIT


def test_a_store_that_goes_away_is_a_model_that_is_not_found(root):
    publish(root, DIGIT)
    catalogue = Catalogue(root)
    shutil.rmtree(root)
    with pytest.raises(ServableNotFound):
        catalogue.live("numbers")


def test_a_model_that_takes_no_pictures_is_told(root):
    publish(root, None)
    with pytest.raises(ServableNotFound, match="numbers/1 takes no pictures"):
        Catalogue(root).live("numbers")


def test_a_damaged_version_is_told(root):
    publish(root, DIGIT)
    (root / "numbers" / "1" / "manifest.json").write_text("{")
    with pytest.raises(BadVersion, match="numbers/1"):
        Catalogue(root).live("numbers")


@pytest.mark.parametrize("labels", [{}, {"stable": 2}])
def test_a_damaged_version_is_passed_over_while_another_can_be_served(root, labels):
    publish(root, DIGIT)
    publish(root, COLOUR)
    label(root, **labels)
    (root / "numbers" / "2" / "manifest.json").write_text("{")
    assert Catalogue(root).live("numbers").model.number == 1
