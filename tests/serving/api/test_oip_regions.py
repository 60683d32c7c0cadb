"""What requests say of shared memory, read."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import EaselError, InvalidRequest
from serving.api import oip_regions
from serving.api.oip_http_client import encode_register_request
from serving.api.regions import Region, Span

values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.floats(), st.lists(st.none())
)
names = st.sampled_from(
    ["shared_memory_region", "shared_memory_byte_size", "shared_memory_offset", "key",
     "byte_size", "offset", "other"]
)  # fmt: skip


@given(st.dictionaries(names, values))
def test_any_parameters_are_a_span_or_a_refusal(parameters):
    try:
        span = oip_regions.decode_span(parameters, "input 'x'")
    except InvalidRequest as error:
        assert "input 'x'" in str(error)
        return
    if span is None:
        assert parameters.get("shared_memory_region") is None
    else:
        assert span.region == parameters["shared_memory_region"]
        assert span.byte_size == parameters["shared_memory_byte_size"] >= 0
        assert span.offset == parameters.get("shared_memory_offset", 0) >= 0


@given(
    st.one_of(st.binary(), st.dictionaries(names, values).map(lambda it: json.dumps(it).encode()))
)
def test_any_body_is_a_region_or_a_refusal(body):
    try:
        region = oip_regions.decode_register_request(body, "r")
    except InvalidRequest:
        return
    assert region.name == "r"
    assert region.byte_size >= 0


@given(st.binary())
def test_any_message_is_a_region_or_a_refusal(data):
    with suppress(EaselError):
        assert isinstance(oip_regions.read_register_request(data), Region)


@given(
    st.builds(Region, st.just("r"), st.text(), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
)
def test_what_a_caller_writes_is_what_the_server_reads(region):
    assert oip_regions.decode_register_request(encode_register_request(region), "r") == region


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"shared_memory_byte_size": 4}, "can not be specified without 'shared_memory_region'"),
        ({"shared_memory_offset": 4}, "'shared_memory_offset' can not be specified without"),
        ({"shared_memory_region": "r"}, "must be specified along with 'shared_memory_region'"),
        ({"shared_memory_region": 7, "shared_memory_byte_size": 4}, "must be a string, got 7"),
        ({"shared_memory_region": "r", "shared_memory_byte_size": True}, "must be a whole number"),
        ({"shared_memory_region": "r", "shared_memory_byte_size": 2**63}, "must be a whole number"),
    ],
)
def test_half_of_it_is_a_mistake(parameters, words):
    with pytest.raises(InvalidRequest, match=words):
        oip_regions.decode_span(parameters, "input 'x'")


def test_a_whole_one_is_a_span():
    parameters = {"shared_memory_region": "r", "shared_memory_byte_size": 4}
    assert oip_regions.decode_span(parameters, "x") == Span("r", 4)
    parameters["shared_memory_offset"] = 8
    assert oip_regions.decode_span(parameters, "x") == Span("r", 4, 8)
