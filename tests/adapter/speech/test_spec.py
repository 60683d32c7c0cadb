"""Texts and languages as callers send them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.speech.spec import read_language, read_text
from model_store.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  안녕\n하세요\t", "안녕 하세요"),
        ("a\x00b\x1b[31mc", "a b [31mc"),
        (unicodedata.normalize("NFD", "고양이"), "고양이"),
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("\ud800lone", "lone"),
        ("<speaking>", "<speaking>"),
    ],
)
def test_a_text_is_said_as_one_line_without_control_characters(text, said):
    assert read_text(text, 100) == said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"), (" \n\t\x00", "empty"), ("\ud800", "empty"),
        ("<speak>hi</speak>", "SSML"), ("\n <SPEAK version='1.1'>hi", "SSML"),
        ("<?xml version='1.0'?> <speak>hi</speak>", "SSML"),
        ("가" * 34, "takes 102 bytes.*at most 100.*33 Korean syllables.*in parts"),
    ],
)  # fmt: skip
def test_a_text_that_cannot_be_said_is_told_why(text, words):
    with pytest.raises(InvalidRequest, match=words):
        read_text(text, 100)


@given(st.text(max_size=300))
def test_whatever_is_sent_is_refused_or_safe_to_say(text):
    try:
        said = read_text(text, 400)
    except InvalidRequest:
        return
    assert 0 < len(said.encode()) <= 400
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in said)
    assert said == said.strip()
    assert read_text(said, 400) == said


@pytest.mark.parametrize(
    ("tag", "voice", "text", "language"),
    [
        ("ko", None, "hi", "ko"), ("KO-kr", None, "hi", "ko-KR"), ("en-gb", None, "안녕", "en-GB"),
        ("zh-hant-tw", None, "x", "zh-Hant-TW"), ("es-419", None, "x", "es-419"),
        (None, None, "안녕", "ko-KR"), (None, None, "ㅋㅋ", "ko-KR"), (None, None, "hi", "en-US"),
        (None, "ja-JP-Neural2-B", "안녕", "ja-JP"), (None, "espeak-ko", "hi", "en-US"),
        ("en-US", "ko-KR-Wavenet-A", "hi", "en-US"),
    ],
)  # fmt: skip
def test_the_language_is_what_is_said_or_what_the_text_looks_like(tag, voice, text, language):
    assert read_language(tag, voice, text) == language


@pytest.mark.parametrize("tag", ["", "k", "korean!", "ko_KR", "ko-", "한국어", "en\n", "e" * 99])
def test_what_is_no_language_tag_is_refused(tag):
    with pytest.raises(InvalidRequest, match='such as "ko-KR"'):
        read_language(tag, None, "hi")


@given(st.text(max_size=20))
def test_a_language_is_read_the_same_again(tag):
    try:
        language = read_language(tag, None, "hi")
    except InvalidRequest:
        return
    assert read_language(language, None, "hi") == language


def test_a_text_that_takes_hours_to_compose_is_refused_at_once():
    # Two accents in the wrong order: each pair costs as much as all before it together.
    with pytest.raises(InvalidRequest, match="send it in parts"):
        read_text("a" + "\u0300\u0316" * 2_000_000, 5000)
    with pytest.raises(InvalidRequest, match="send it in parts"):
        read_text("a" + "\u0300\u0316" * 8_000, 5000)


def test_decomposed_korean_may_be_as_long_as_composed():
    assert read_text(unicodedata.normalize("NFD", "각" * 33), 99) == "각" * 33
