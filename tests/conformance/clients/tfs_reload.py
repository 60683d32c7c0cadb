"""Runs in the environment of ``tensorflow-serving-api``: HandleReloadConfigRequest.

    python tfs_reload.py GRPC HTTP STORE

It changes what the server serves, and so has a server for itself.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager

import grpc
from report import Report
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
)

REPORT = Report("tensorflow-serving-api", "TF Serving gRPC")
TOKEN = (("authorization", "Bearer conformance"),)


def main(address: str, _http: str, store: str) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        refusals(stub, store)
        one_model(stub, store)


@contextmanager
def refused(code: str, text: str):
    try:
        yield
    except grpc.RpcError as error:
        assert error.code().name == code, error
        assert text in error.details(), error.details()
        return
    raise AssertionError("the call succeeded")


def wanted(folder: str) -> model_management_pb2.ReloadConfigRequest:
    """One model: ``scale``, versions 1 and 3, the older one labelled."""
    request = model_management_pb2.ReloadConfigRequest()
    config = request.config.model_config_list.config.add()
    config.name, config.base_path, config.model_platform = "scale", folder, "tensorflow"
    config.model_version_policy.specific.versions.extend([1, 3])
    config.version_labels["stable"] = 1
    return request


def refusals(stub, store: str) -> None:
    with REPORT.feature("HandleReloadConfigRequest, refused without the token"):
        with refused("UNAUTHENTICATED", "Bearer TOKEN"):
            stub.HandleReloadConfigRequest(wanted(f"{store}/scale"), timeout=20)
        assert states(stub, "add") == [(1, "AVAILABLE")]
    with REPORT.feature("HandleReloadConfigRequest, errors"):
        with refused("INVALID_ARGUMENT", "Only ModelConfigList is currently supported"):
            empty = model_management_pb2.ReloadConfigRequest()
            stub.HandleReloadConfigRequest(empty, timeout=20, metadata=TOKEN)
        with refused("PERMISSION_DENIED", "neither in the store"):
            stub.HandleReloadConfigRequest(wanted("/etc"), timeout=20, metadata=TOKEN)


def one_model(stub, store: str) -> None:
    with REPORT.feature("HandleReloadConfigRequest, other models, versions and labels"):
        request = wanted(f"{store}/scale")
        answer = stub.HandleReloadConfigRequest(request, timeout=20, metadata=TOKEN)
        assert answer.status.error_code == 0, answer
        live = [number for number, state in states(stub, "scale") if state == "AVAILABLE"]
        assert live == [1, 3]
        # A model that is on the list no more is unloaded, and still says what became of it.
        assert [state for _, state in states(stub, "add")] in (["END"], ["UNLOADING"])


def states(stub, model: str) -> list[tuple[int, str]]:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = model
    answer = stub.GetModelStatus(request, timeout=20)
    name = get_model_status_pb2.ModelVersionStatus.State.Name
    return sorted((each.version, name(each.state)) for each in answer.model_version_status)


main(*sys.argv[1:])
