"""What a person reads: every failure has its sentence, in both languages."""

from __future__ import annotations

import re

import pytest

from adapter.messages import LANGUAGES, Say, about
from model_store import errors

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.EaselError)
]
HANGUL = re.compile("[가-힣]")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_sentence_in_every_language(kind):
    for language in LANGUAGES:
        assert about(kind("details")).in_language(language).strip()


@pytest.mark.parametrize("say", Say, ids=lambda say: say.name)
def test_english_is_english_and_korean_is_korean(say):
    assert len(say.value) == len(LANGUAGES)
    assert not HANGUL.search(say.in_language("en"))
    assert HANGUL.search(say.in_language("ko"))
    for language in LANGUAGES:
        assert say.in_language(language).endswith(".")


def test_no_two_sentences_are_the_same():
    assert len({say.value for say in Say}) == len(list(Say)) == len(Say.__members__)


@pytest.mark.parametrize(
    ("kind", "say"),
    [
        (errors.EmptyDrawing, Say.EMPTY),
        (errors.ImageTooLarge, Say.TOO_LARGE),
        (errors.BadImage, Say.BAD_IMAGE),
        (errors.TensorMismatch, Say.BAD_REQUEST),
        (errors.ServerUnreachable, Say.DOWN),
        (errors.ServableNotReady, Say.DOWN),
        (errors.Overloaded, Say.BUSY),
        (errors.QuotaExceeded, Say.QUOTA),
        (errors.AccessRefused, Say.SERVICE_DOWN),
        (errors.DeadlineExceeded, Say.LATE),
        (errors.ServableNotFound, Say.NOT_FOUND),
        (errors.BadVersion, Say.FAILED),
    ],
)
def test_a_failure_has_the_sentence_of_its_nearest_class(kind, say):
    assert about(kind("details")) is say


def test_a_class_that_is_added_later_has_a_sentence_already():
    class Blurred(errors.BadImage):
        pass

    assert about(Blurred("blurred")) is Say.BAD_IMAGE
