"""API keys: made once, known again, and never kept."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.access.keys import SCOPES, KeyRing, new_key, read_ring, write_ring
from model_store.errors import InvalidRequest

NAMES = st.from_regex(r"[A-Za-z0-9_.@-]{1,64}", fullmatch=True)
SOME_SCOPES = st.lists(st.sampled_from(SCOPES), max_size=4).map(tuple)


def ring_of(*keys):
    return KeyRing({key.id: key for key in keys})


@given(NAMES, SOME_SCOPES)
def test_a_key_is_known_again_out_of_its_file_and_stands_in_it_nowhere(name, scopes):
    key, text = new_key(name, scopes, "2026-11-23")
    data = write_ring(ring_of(key))
    assert read_ring(data).find(text) == key
    assert (key.name, key.scopes) == (name, scopes)
    secret = text.split("_", 2)[2]
    assert secret.encode() not in data


def test_no_two_keys_are_alike():
    texts = {new_key("shop", (), "")[1] for _ in range(100)}
    assert len(texts) == 100


def test_a_key_with_another_letter_is_nobodys():
    key, text = new_key("shop", ("predict",), "")
    ring = ring_of(key)
    for at in range(len(text)):
        other = text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]
        assert ring.find(other) is None, at
    assert ring.find(text + "a") is None
    assert ring.find(text + "\n") is None


@given(st.text() | st.from_regex(r"easel_[0-9a-f]{12}_[\w-]{43}", fullmatch=True))
def test_no_text_is_a_key_of_nobody(text):
    key, _ = new_key("shop", ("predict",), "")
    assert KeyRing().find(text) is None
    assert ring_of(key).find(text) is None


@given(st.binary(max_size=200))
def test_no_bytes_are_more_than_a_refused_file(data):
    try:
        ring = read_ring(data)
    except InvalidRequest as error:
        assert "no file of keys" in str(error)
    else:
        assert isinstance(ring, KeyRing)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(JSON | st.fixed_dictionaries({"keys": JSON | st.lists(JSON)}))
def test_no_json_is_more_than_a_refused_file(value):
    try:
        read_ring(json.dumps(value).encode())
    except InvalidRequest as error:
        assert "no file of keys" in str(error)


@pytest.mark.parametrize("same", ["id", "name"])
def test_two_keys_of_one_name_are_refused(same):
    one, two = new_key("shop", (), "")[0], new_key("till", (), "")[0]
    two = msgspec.structs.replace(two, **{same: getattr(one, same)})
    data = json.dumps({"keys": [msgspec.to_builtins(one), msgspec.to_builtins(two)]})
    with pytest.raises(InvalidRequest, match=f"a key's {same} is there twice"):
        read_ring(data.encode())


@pytest.mark.parametrize(
    ("name", "scopes"), [("", ()), ("a b", ()), ("a" * 65, ()), ("shop", ("all",)), ("x\n", ())]
)
def test_a_name_or_scope_that_cannot_be_is_told_with_those_that_can(name, scopes):
    with pytest.raises(InvalidRequest, match="scopes are of predict, speech, feedback, ops"):
        new_key(name, scopes, "")
