"""HandleReloadConfigRequest over a real server: models and labels change while it serves."""

from __future__ import annotations

import grpc
import numpy as np
import pytest

from serving.api import tfs
from serving.api.calls import ModelRef, Prediction
from serving.api.protos import tensorflow_error_pb2 as tf_error
from serving.api.protos import tensorflow_serving_config_pb2 as pb
from serving.services.tfs_reload import RELOAD
from tests.support import publish_linear, running_server

TOKEN = "open sesame"
ONES = np.ones((1, 3), np.float32)


@pytest.fixture
def store(tmp_path):
    root = tmp_path / "store"
    for factor in (2.0, 3.0):
        publish_linear(root, "a", factor=factor)
    publish_linear(root, "b", factor=5.0)
    return root


@pytest.fixture
def server(store):
    with running_server(store, model_control=True, model_control_token=TOKEN) as server:
        with grpc.insecure_channel(server.address) as channel:
            yield channel


def reload(channel: grpc.Channel, *configs: pb.ModelConfig, token: str = TOKEN) -> bytes:
    request = pb.ReloadConfigRequest()
    request.config.model_config_list.config.extend(configs)
    return channel.unary_unary(RELOAD)(
        request.SerializeToString(),
        timeout=20,
        metadata=[("authorization", f"Bearer {token}")] if token else [],
    )


def config(folder, name="a", *, versions=(), **labels: int) -> pb.ModelConfig:
    found = pb.ModelConfig(name=name, base_path=str(folder), model_platform="tensorflow")
    found.model_version_policy.specific.versions.extend(versions)
    found.version_labels.update(labels)
    return found


def factor(channel: grpc.Channel, name: str, **ref) -> float:
    request = tfs.encode_predict_request(Prediction(ModelRef(name, **ref), {"x": ONES}))
    answer = channel.unary_unary(tfs.PREDICT)(request, timeout=10)
    return float(tfs.decode_predict_response(answer).outputs["y"][0, 0])


def failure(call, *arguments, **options) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        call(*arguments, **options)
    return raised.value.code(), raised.value.details()


def test_the_list_of_models_is_replaced(store, server):
    assert (factor(server, "a"), factor(server, "b")) == (3, 5)
    answer = reload(server, config(store / "a", versions=(1, 2), canary=2, stable=1))
    response = pb.ReloadConfigResponse.FromString(answer)
    assert response.HasField("status")
    assert (response.status.error_code, response.status.error_message) == (tf_error.OK, "")
    assert factor(server, "a", label="canary") == 3
    assert factor(server, "a", label="stable") == 2
    code, message = failure(factor, server, "b")
    assert (code, message) == (
        grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(b)",
    )  # fmt: skip


def test_a_label_of_a_version_that_is_not_there_is_refused_and_nothing_changes(store, server):
    code, message = failure(reload, server, config(store / "a", versions=(1,), canary=9))
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert (
        "Request to assign label to version 9 of model a, "
        "which is not currently available for inference" in message
    )


@pytest.mark.parametrize("token", ["", "another"])
def test_a_caller_without_the_token_reloads_nothing(store, server, token):
    code, _ = failure(reload, server, config(store / "a"), token=token)
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert factor(server, "b") == 5


def test_reloading_is_off_unless_it_was_switched_on(store):
    with running_server(store) as server, grpc.insecure_channel(server.address) as channel:
        code, message = failure(reload, channel, config(store / "a"))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "model control is off" in message


def test_no_folder_but_the_stores_is_loaded_from(tmp_path, store, server):
    publish_linear(tmp_path / "elsewhere", "c")
    for folder in (tmp_path / "elsewhere" / "c", store / ".." / "elsewhere" / "c", store):
        code, message = failure(reload, server, config(folder, "c"))
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert message.startswith(f"model c: base_path {folder} is neither in the store")
    assert factor(server, "b") == 5


def test_folders_that_the_operator_names_are_loaded_from_too(tmp_path, store):
    publish_linear(tmp_path / "elsewhere", "c", factor=7.0)
    publish_linear(tmp_path / "elsewhere", "d")
    named, other = (tmp_path / "elsewhere" / name for name in "cd")
    settings = {"model_control": True, "model_control_token": TOKEN}
    with running_server(store, model_base_path=str(named), **settings) as server:
        with grpc.insecure_channel(server.address) as channel:
            assert factor(channel, "default") == 7
            models = (
                config(named, "renamed", versions=(1,)),
                config(store / "b", "b", versions=(1,)),
            )
            reload(channel, *models)
            assert (factor(channel, "renamed"), factor(channel, "b")) == (7, 5)
            code, _ = failure(reload, channel, config(other, "d"))
            assert code is grpc.StatusCode.PERMISSION_DENIED


def test_a_request_without_a_list_is_refused(server):
    headers = [("authorization", f"Bearer {TOKEN}")]
    code, message = failure(server.unary_unary(RELOAD), b"", timeout=10, metadata=headers)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("ServerModelConfig type not supported by HandleReloadConfigRequest.")
