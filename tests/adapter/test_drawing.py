"""Text becomes bytes: what is accepted, and that nothing but InvalidRequest comes of the rest."""

from __future__ import annotations

import base64
import random
import textwrap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapter.drawing import decode_base64
from model_store.errors import InvalidRequest

HEADS = [
    "",
    "data:image/png;base64,",
    "data:image/jpeg;base64,",
    "data:image/svg+xml;charset=utf-8;base64,",
    "DATA:IMAGE/PNG;BASE64,",
    "data:;base64,",
    "data:application/octet-stream;base64,",
    "data: image/png ; base64 ,",
    " \n data:image/webp;base64,",
]


@given(st.binary(), st.sampled_from(HEADS), st.booleans(), st.booleans())
def test_bytes_come_back_from_every_spelling(content, head, is_urlsafe, is_padded):
    encode = base64.urlsafe_b64encode if is_urlsafe else base64.b64encode
    text = encode(content).decode()
    assert decode_base64(head + (text if is_padded else text.rstrip("="))) == content


@given(st.binary(min_size=1), st.randoms(use_true_random=False))
def test_whitespace_anywhere_changes_nothing(content, chance: random.Random):
    text = base64.b64encode(content).decode()
    spaced = "".join(letter + chance.choice(["", "", " ", "\n", "\r\n", "\t"]) for letter in text)
    assert decode_base64(spaced) == content


def test_lines_of_76_as_mail_programs_write_them_are_one_text():
    content = bytes(range(256)) * 4
    text = base64.b64encode(content).decode()
    assert decode_base64("\r\n".join(textwrap.wrap(text, 76))) == content
    assert decode_base64(base64.encodebytes(content).decode()) == content


def test_both_alphabets_may_be_mixed():
    assert decode_base64("+/-_") == decode_base64("-_+/") == base64.b64decode("+/+/")


@given(st.text() | st.text("data:image/png;base64,=+-_ AZaz09\n\x00é한", max_size=60))
@example("data:")
@example("data:,")
@example("data:image/png;base64")
@example("\ud800")
@example("=")
def test_any_text_is_bytes_or_an_invalid_request_and_nothing_else(text):
    try:
        content = decode_base64(text)
    except InvalidRequest:
        return
    assert isinstance(content, bytes)


@given(st.text(), st.sampled_from(HEADS))
def test_any_text_behind_a_head_is_bytes_or_an_invalid_request(text, head):
    try:
        decode_base64(head + text)
    except InvalidRequest:
        return


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AAAAA",
        "AB=C",
        "AAAA====A",
        "not base64!",
        "한글",
        "AAAA*",
        "<svg/>",
        "AA%3D%3D",
        "ＡＡＡＡ",
    ],
)
def test_what_is_not_base64_is_told(text):
    with pytest.raises(InvalidRequest, match='"base64_drawing" is not base64'):
        decode_base64(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("data:image/png;base64", "has no comma"),
        ("data:image/png,AAAA", "without ;base64"),
        ("data:,AAAA", "without ;base64"),
        ("data:image/png;base64;x=1,AAAA", "without ;base64"),
        ("data:text/html;base64,AAAA", "of 'text/html', not of an image"),
        ("data:imagery;base64,AAAA", "of 'imagery', not of an image"),
    ],
)
def test_a_data_url_of_something_else_is_told_what_it_is(text, complaint):
    with pytest.raises(InvalidRequest, match=complaint):
        decode_base64(text)


def test_what_a_client_calls_its_data_is_repeated_short_and_in_ascii():
    with pytest.raises(InvalidRequest) as caught:
        decode_base64("data:\ud800" + "x" * 10_000 + ";base64,AAAA")
    assert len(str(caught.value)) < 200
    assert str(caught.value).isascii()
