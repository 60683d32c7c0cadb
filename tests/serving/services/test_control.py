"""Who may control models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import InvalidRequest, PermissionDenied, Unauthenticated
from serving.services.control import ModelControl, read_control
from serving.services.methods import Call

CONTROL = ModelControl(b"s3cret")


def call(value: bytes) -> Call:
    return Call(headers={b"authorization": value})


@pytest.mark.parametrize("value", [b"Bearer s3cret", b"bearer s3cret", b"BEARER  s3cret "])
def test_who_knows_the_token_may(value):
    CONTROL.check(call(value))


@pytest.mark.parametrize(
    "value", [b"", b"s3cret", b"Bearer", b"Bearer ", b"Bearer s3cre", b"Bearer s3cret2", b"Basic s3cret"]
)  # fmt: skip
def test_who_does_not_may_not(value):
    with pytest.raises(Unauthenticated, match="authorization: Bearer TOKEN"):
        CONTROL.check(call(value))


def test_a_call_without_headers_may_not():
    with pytest.raises(Unauthenticated):
        CONTROL.check(Call())


@given(st.binary())
def test_no_other_header_is_taken_for_the_token(value):
    if value.strip() != b"s3cret":
        with pytest.raises(Unauthenticated):
            CONTROL.check(call(b"Bearer " + value))


@pytest.mark.parametrize("value", [b"", b"Bearer ", b"Bearer s3cret"])
def test_where_control_is_off_nobody_may(value):
    with pytest.raises(PermissionDenied, match="model control is off"):
        read_control(is_on=False, token="s3cret", token_file="").check(call(value))


def test_a_token_comes_from_a_setting_or_a_file(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    path = str(tmp_path / "token")
    assert read_control(is_on=True, token="s3cret", token_file="") == CONTROL
    assert read_control(is_on=True, token="", token_file=path) == CONTROL
    with pytest.raises(InvalidRequest, match="not both"):
        read_control(is_on=True, token="s3cret", token_file=path)


def test_control_without_a_token_is_no_setting(tmp_path):
    (tmp_path / "empty").write_text(" \n")
    for token, path in ((" ", ""), ("", str(tmp_path / "empty"))):
        with pytest.raises(InvalidRequest, match="needs model_control_token"):
            read_control(is_on=True, token=token, token_file=path)
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_control(is_on=True, token="", token_file=str(tmp_path / "absent"))


def test_a_token_is_not_printed():
    assert "s3cret" not in repr(CONTROL)
