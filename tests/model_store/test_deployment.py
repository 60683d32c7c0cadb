"""``deployment.json``: what it says is kept, also what this release does not know."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.deployment import (
    Deployment,
    changed,
    check_label,
    decode,
    encode,
    mentioned,
)
from model_store.errors import BadVersion, InvalidRequest
from model_store.history import Change
from tests.model_store.test_history import CHANGES, VERSIONS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
RESTS = st.dictionaries(
    st.text().filter(lambda key: key not in ("labels", "last_change")), JSON, max_size=4
)
DEPLOYMENTS = st.builds(
    Deployment, st.dictionaries(st.text(), VERSIONS, max_size=4), CHANGES | st.none(), RESTS
)


@given(DEPLOYMENTS)
def test_what_is_written_is_read(deployment):
    assert decode(encode(deployment)) == deployment


@given(DEPLOYMENTS, CHANGES)
def test_a_change_moves_one_label_and_keeps_everything_else(deployment, change):
    after = changed(deployment, change)
    assert after.labels.get(change.label) == change.after
    assert after.last == change
    assert after.rest == deployment.rest
    others = {label: n for label, n in deployment.labels.items() if label != change.label}
    assert {label: n for label, n in after.labels.items() if label != change.label} == others


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_is_read_or_refused_as_damaged(data):
    try:
        assert all(isinstance(number, int) for number in decode(data).labels.values())
    except BadVersion as error:
        assert "deployment.json cannot be read" in str(error)


@pytest.mark.parametrize("number", [0, -1, 1.0, True, "1", None, 10**18, [1]])
def test_a_label_names_a_version_or_the_file_is_damaged(number):
    with pytest.raises(BadVersion):
        decode(json.dumps({"labels": {"stable": number}}).encode())


def test_every_number_anywhere_may_be_a_version_somebody_needs():
    rest = {
        "traffic": {"3": 95, "4": 5},
        "shadow": {"version": 6, "sample": 0.1},
        "list": [[7]],
        "words": ["x8", "", "-9", "٣", "1" * 19],
        "flag": True,
    }
    last = Change(2, "t", "ana", "promote", "stable", 1, 2)
    assert mentioned(Deployment({"stable": 2}, last, rest)) == {1, 2, 3, 4, 5, 6, 7, 95}


@pytest.mark.parametrize("label", ["stable", "canary", "_x", "a.b-c_1", "A" * 64])
def test_a_word_can_be_a_label(label):
    assert check_label(label) == label


@pytest.mark.parametrize("label", ["", "1", "1a", "a/b", "a b", "é", "-a", "a\n", "A" * 65])
def test_what_could_be_a_number_or_fits_into_no_route_is_no_label(label):
    with pytest.raises(InvalidRequest, match="cannot be a version label"):
        check_label(label)
