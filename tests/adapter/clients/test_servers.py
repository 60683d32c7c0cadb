"""The texts of ``model_servers``: every right one is understood, every wrong one told how to mend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.clients.servers import SCHEMES, Address, ServerGroup, parse_group, parse_servers
from model_store.errors import InvalidRequest


def words(alphabet: str, separators: str) -> st.SearchStrategy[str]:
    """Texts that begin with the alphabet and end with it; quicker to draw than of a pattern."""
    part = st.text(alphabet, min_size=1, max_size=5)
    separator = st.sampled_from(separators)
    return part | st.tuples(part, separator, part).map("".join)


NAMES = words("azAZ09", "._-")
HOSTS = words("az09", ".-") | st.sampled_from(["10.0.0.1", "::1", "2001:db8::7", "fe80::1%eth0"])
SOCKETS = words("azAZ09_.-", "/").map("/{}".format)
PORTS = st.integers(1, 65535)


@st.composite
def groups(draw) -> ServerGroup:
    protocol, is_tls = draw(st.sampled_from(sorted(SCHEMES.values())))
    address = st.builds(Address, HOSTS, PORTS) | SOCKETS.map(Address)
    addresses = draw(st.lists(address, min_size=1, max_size=3, unique=True))
    model = draw(st.none() | NAMES)
    version = draw(st.none() | st.integers(1, 10**18 - 1)) if model else None
    return ServerGroup(protocol, is_tls, tuple(addresses), model, version)


@given(groups())
def test_what_is_written_is_read_again(group):
    assert parse_group(str(group)) == group


@given(st.lists(groups(), max_size=3, unique_by=lambda group: group.model))
def test_there_is_always_one_group_for_all_models_and_it_is_first(wanted):
    found = parse_servers([str(group) for group in wanted], "127.0.0.1:8500")
    assert found[0].model is None
    assert all(group.model for group in found[1:])
    assert set(found) >= set(wanted)


@given(st.text() | st.from_regex(r"[a-z=/0-9]{0,9}(://)?[a-z0-9.:;\[\]/ -]{0,20}", fullmatch=True))
def test_any_text_is_understood_or_refused_with_its_words(text):
    try:
        group = parse_group(text)
    except InvalidRequest as error:
        assert repr(text) in str(error)
    else:
        assert parse_group(str(group)) == group


def test_the_examples_of_the_readme():
    group = parse_group("classifier=oip://triton:8001;triton2:8001")
    assert (group.model, group.protocol, group.is_tls) == ("classifier", "oip", False)
    assert group.addresses == (Address("triton", 8001), Address("triton2", 8001))
    assert parse_group("tfs+tls://[::1]:8500").addresses == (Address("::1", 8500),)
    assert parse_group("oip://unix:/run/easel.sock").addresses == (Address("/run/easel.sock"),)
    assert parse_group("digits/3=torchserve+https://ts:443").version == 3


def test_the_default_is_for_models_that_no_entry_names():
    only, own = parse_servers(["a=oip://b:1"], "serving:8500")
    assert str(only) == "tfs://serving:8500"
    assert str(own) == "a=oip://b:1"
    assert str(parse_servers([], "oip://c:2")[0]) == "oip://c:2"
    assert [str(group) for group in parse_servers(["oip://d:3"], "serving:8500")] == ["oip://d:3"]


def test_without_a_default_only_models_with_an_entry_have_a_server():
    assert [str(group) for group in parse_servers(["a=oip://b:1"], "")] == ["a=oip://b:1"]
    with pytest.raises(InvalidRequest, match="set model_server or model_servers"):
        parse_servers([], "")


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ("serving:8500", r"write \[MODEL=\]SCHEME://HOST:PORT"),
        ("classifier=serving:8500", r"write \[MODEL=\]SCHEME://HOST:PORT"),
        ("http://serving:8500", "'http' is no scheme; there are tfs, tfs\\+tls, oip"),
        ("oip://serving", "'serving' has no port from 1 to 65535"),
        ("oip://serving:0", "has no port"),
        ("oip://serving:65536", "has no port"),
        ("oip://a:1;", "'' has no port"),
        ("oip://a b:1", "'a b' is no host"),
        ("oip://[::z]:1", "'::z'"),
        ("oip://unix:relative", "write unix:/PATH"),
        ("oip://unix:/" + "x" * 107, "absolute and short"),
        ("../x=oip://a:1", "'..' cannot name a model"),
        ("=oip://a:1", "'' cannot name a model"),
        ("a/0=oip://a:1", "version '0' must be a whole number"),
        ("a/new=oip://a:1", "version 'new' must be a whole number"),
    ],
)
def test_a_wrong_entry_says_how_to_mend_it(entry, remedy):
    with pytest.raises(InvalidRequest, match=remedy):
        parse_group(entry)


@pytest.mark.parametrize(
    ("entries", "whose"),
    [(["a=oip://b:1", "a=tfs://c:2"], "model a"), (["oip://b:1", "tfs://c:2"], "all models")],
)
def test_two_entries_for_the_same_are_refused(entries, whose):
    with pytest.raises(InvalidRequest, match=f"two entries for {whose}; join"):
        parse_servers(entries, "")
