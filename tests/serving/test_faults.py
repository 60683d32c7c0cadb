"""Bad versions and a bad disk under a real server: what was served stays served."""

from __future__ import annotations

import shutil
from dataclasses import replace

import grpc
import pytest

from model_store.spec import ModelVersion
from model_store.store import Store
from serving.api import health, tfs
from serving.api.protos import tensorflow_serving_pb2 as pb
from tests.serving.bad_versions import BAD, good, publish
from tests.serving.load import under_load
from tests.serving.processes import serving
from tests.support import publish_linear

END = pb.ModelVersionStatus.END
# The system does not tell of a folder's own coming and going.
SHORT_POLLS = ("--file_system_poll_wait_seconds", "0.1")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server process, and its store with one good version; the tests add bad ones."""
    root = tmp_path_factory.mktemp("faults") / "models"
    publish_linear(root, factor=1)
    with serving(root, *SHORT_POLLS) as (_, address), grpc.insecure_channel(address) as channel:
        yield root, address, channel


def status(channel: grpc.Channel, number: int) -> pb.ModelVersionStatus | None:
    request = pb.GetModelStatusRequest(model_spec=pb.ModelSpec(name="double"))
    data = channel.unary_unary(tfs.GET_MODEL_STATUS)(request.SerializeToString(), timeout=10)
    response = pb.GetModelStatusResponse.FromString(data)
    return next((each for each in response.model_version_status if each.version == number), None)


def error_of(channel: grpc.Channel, number: int) -> str:
    """Why a version was refused, once it is."""
    while (found := status(channel, number)) is None or found.state != END:
        pass
    return found.status.error_message


def is_ready(channel: grpc.Channel) -> bool:
    return health.decode_is_serving(channel.unary_unary(health.CHECK)(b"", timeout=10))


@pytest.mark.parametrize("what", BAD)
def test_a_bad_version_is_refused_with_the_reason_and_nobody_notices(served, what):
    root, address, channel = served
    fill, spoil, words = BAD[what]
    with under_load(address, callers=1) as load:
        bad = publish(root, fill, spoil)
        assert words in error_of(channel, bad.number)
        load.wait_for_answers(5)
    assert load.failures == []
    assert is_ready(channel)
    shutil.rmtree(Store(root).folder(bad))  # once more would be a failure of its own


def test_a_linked_version_folder_is_refused(served, tmp_path):
    root, _, channel = served
    publish(tmp_path, good, lambda _, it: replace(it, model=ModelVersion("double", 77)))
    (root / "double" / "77").symlink_to(tmp_path / "double" / "1")
    assert "symbolic link" in error_of(channel, 77)
    (root / "double" / "77").unlink()


def test_a_store_that_goes_away_and_comes_back_with_more_is_served_on(served):
    root, address, channel = served
    away = root.with_name("away")
    with under_load(address, callers=1) as load:
        root.rename(away)
        load.wait_for_answers(20)
        assert is_ready(channel)
        number = int((away / "double" / ".highest_version").read_text()) + 1
        assert publish_linear(away, factor=number).number == number
        away.rename(root)
        load.wait_for(number)
    assert load.failures == []
