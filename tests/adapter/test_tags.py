"""One ranking of what the web and our own model say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.classify import Ranked
from adapter.tags import Tag, folded, merge_tags
from adapter.web_detection import Entity, WebFindings


def web(*entities, guesses=()):
    return WebFindings(guesses, tuple(Entity(label, score) for label, score in entities))


def test_what_both_know_is_one_tag_and_surer_than_either():
    found = web(("Tabby_cat", 0.5), ("Whiskers", 0.7))
    tags = merge_tags(found, (Ranked("tabby cat", 0.6), Ranked("tiger", 0.1)))
    assert [(tag.label, tag.sources) for tag in tags] == [
        ("Tabby_cat", ("vision", "tagging")), ("Whiskers", ("vision",)), ("tiger", ("tagging",)),
    ]  # fmt: skip
    assert [tag.score for tag in tags] == pytest.approx([0.8, 0.7, 0.1])


def test_scores_above_one_are_set_against_the_strongest():
    tags = merge_tags(web(("Cat", 2.0), ("Paw", 0.5)), (Ranked("dog", 0.6),))
    assert [(tag.label, tag.score) for tag in tags] == [("Cat", 1.0), ("dog", 0.6), ("Paw", 0.25)]


def test_the_best_guess_counts_as_the_strongest_entity_and_comes_before_it():
    tags = merge_tags(web(("Cat", 0.8), guesses=("cat drawing",)), (Ranked("dog", 0.9),))
    assert [(tag.label, tag.score) for tag in tags] == [
        ("dog", 0.9), ("cat drawing", pytest.approx(0.8)), ("Cat", pytest.approx(0.8)),
    ]  # fmt: skip
    assert merge_tags(web(guesses=("cat",)), ())[0] == Tag("cat", 1.0, ("vision",))


def test_a_guess_that_is_an_entity_too_is_one_tag():
    tags = merge_tags(web(("Cat", 0.8), guesses=("cat",)), ())
    assert [(tag.label, tag.sources) for tag in tags] == [("cat", ("vision",))]


def test_a_label_that_a_model_has_twice_is_one_tag_with_the_higher_score():
    (tag,) = merge_tags(None, (Ranked("missile", 0.4), Ranked("missile", 0.1)))
    assert tag == Tag("missile", pytest.approx(0.4), ("tagging",))


def test_of_equal_scores_the_web_is_first_and_nobody_knowing_is_no_tag():
    tags = merge_tags(web(("Zebra", 0.5)), (Ranked("ape", 0.5),))
    assert [tag.label for tag in tags] == ["Zebra", "ape"]
    assert merge_tags(None, ()) == merge_tags(WebFindings(), ()) == ()


@pytest.mark.parametrize(
    "label", ["Granny_Smith", " granny  SMITH", "granny-smith", "ＧRANNY smith"]
)
def test_names_that_differ_in_spelling_alone_are_one(label):
    assert folded(label) == "granny smith"


LABELS = st.sampled_from(["cat", "Cat", "dog", "tiger_cat", "tiger cat", "고양이"])


@given(
    st.lists(st.tuples(LABELS, st.floats(0, 50, allow_nan=False)), max_size=8),
    st.lists(LABELS, max_size=3),
    st.lists(st.tuples(LABELS, st.floats(0, 1)), max_size=8),
)
def test_a_ranking_is_ordered_bounded_and_complete(entities, guesses, ranked):
    tags = merge_tags(web(*entities, guesses=tuple(guesses)), [Ranked(*one) for one in ranked])
    assert [tag.score for tag in tags] == sorted((tag.score for tag in tags), reverse=True)
    assert all(0 <= tag.score <= 1 for tag in tags)
    names = [folded(tag.label) for tag in tags]
    said = {folded(label) for label, *_ in [*entities, *ranked]} | set(map(folded, guesses))
    assert len(names) == len(set(names))
    assert set(names) == said
    for tag in tags:
        own = [score for label, score in ranked if folded(label) == folded(tag.label)]
        assert tag.score >= max(own, default=0.0) - 1e-9
