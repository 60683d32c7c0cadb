"""The client of Open Inference: what answers may look like, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from model_store import errors
from model_store.spec import ModelVersion
from serving.api import oip
from tests.adapter.clients.grpc_server import OipHandler, opened, serving
from tests.adapter.stores import sure_of
from tests.fakes import FakeModelServer
from tests.model_store.pictures import DIGIT

BLANK = {"image": np.zeros((1, 28, 28, 1), np.uint8)}


@pytest.fixture
def handler():
    return OipHandler(FakeModelServer({ModelVersion("numbers", 1): sure_of(3, DIGIT)}))


@pytest.fixture
def address(handler):
    with serving(handler) as address:
        yield address


def ask(address: str, version: int | None = None, group: str = "oip://{}"):
    return opened(group.format(address)).predict("numbers", version, BLANK, timeout_s=30)


@pytest.mark.parametrize("is_raw", [True, False])
def test_outputs_are_read_raw_and_typed(handler, address, is_raw):
    handler.is_raw = is_raw
    (scores,) = ask(address).outputs.values()
    assert scores.dtype == np.float32
    assert scores.argmax() == 3


@pytest.mark.parametrize(("said", "number"), [("1", 1), ("7.0", 7), ("12", 12)])
def test_the_version_is_read_out_of_its_text(handler, address, said, number):
    handler.version = said
    assert ask(address).version == number


@pytest.mark.parametrize("said", ["", "main", "0", "1.2", "-1", "v3"])
def test_a_server_without_numbers_answers_with_the_version_that_was_asked_for(
    handler, address, said, caplog
):
    handler.version = said
    assert ask(address, 1).version == 1
    with pytest.raises(errors.ServerFailed, match="does not say which version answered"):
        ask(address)
    assert "write in model_servers which one it is: numbers/VERSION=" in caplog.text


def test_a_server_without_numbers_may_be_told_which_version_it_has(handler, address):
    handler.version = "main"
    group = "numbers/7=oip://{}"
    assert ask(address, None, group).version == 7
    assert ask(address, 7, group).version == 7
    assert [call.version for call in handler.behind.calls] == [None, None]
    with pytest.raises(errors.ServableNotFound, match="has version 7 only"):
        ask(address, 6, group)


@pytest.mark.parametrize("garbage", [b"\xff", b"\x0a\xff\xff", bytes(range(64))])
def test_an_answer_that_is_none_is_the_servers_fault_and_not_the_callers(handler, address, garbage):
    handler.responses = {oip.MODEL_INFER: garbage, oip.SERVER_READY: b"\xff"}
    with pytest.raises(errors.ServerFailed, match="does not answer as a model server"):
        ask(address)
    assert not opened(f"oip://{address}").is_ready(timeout_s=30)
