"""Settings become parts; what is wrong with them is told before anything is served."""

from __future__ import annotations

import argparse

import pytest

from adapter.config import AdapterConfig, Settings
from adapter.wiring import build_parts
from model_store.errors import InvalidRequest
from model_store.settings import read_sections


def parts_of(**changes):
    return build_parts(Settings(AdapterConfig(**changes)))


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"model_server": "serving"}, "'serving' has no port"),
        ({"model_servers": ("classifier=triton:8001",)}, r"write \[MODEL=\]SCHEME://HOST:PORT"),
        ({"model_server_ca": "ca.pem"}, "for schemes with TLS"),
        ({"torchserve_token_file": "none"}, "holds no token"),
    ],
)
def test_model_servers_that_cannot_be_are_told_at_once(changes, remedy):
    with pytest.raises(InvalidRequest, match=remedy):
        parts_of(**changes)


def test_pictures_wait_for_room_without_the_turn_to_work():
    parts = parts_of()
    assert parts.classifier.room.resting == parts.turns.resting


def test_model_servers_are_named_in_a_file_or_in_one_variable(tmp_path):
    path = tmp_path / "easel.toml"
    path.write_text('[adapter]\nmodel_servers = ["a=oip://b:1;c:2", "d=torchserve://e:3"]\n')
    variable = {"EASEL_ADAPTER_MODEL_SERVERS": "a=oip://b:1;c:2, d=torchserve://e:3"}
    for config, environ in ((path, {}), (None, variable)):
        flags = argparse.Namespace(config=config)
        server = build_parts(read_sections(Settings, "adapter", flags, environ)).server
        # Nobody is there; who is missing says who was to be asked.
        assert list(server.health(timeout_s=0.01)) == [
            "model server", "model server of a", "model server of d",
        ]  # fmt: skip
        server.close()
