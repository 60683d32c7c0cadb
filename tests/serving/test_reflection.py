"""Reflection on the real server, asked as grpcurl asks, by hand-written requests over grpcio."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from serving.api import oip, reflection, tfs
from serving.api.protos import grpc_reflection_pb2 as pb
from tests.support import BUNDLED_STORE, RunningServer, running_server


def ask(channel: grpc.Channel, path: str, *requests: pb.ServerReflectionRequest):
    """All the answers on one stream."""
    info = channel.stream_stream(
        path,
        request_serializer=pb.ServerReflectionRequest.SerializeToString,
        response_deserializer=pb.ServerReflectionResponse.FromString,
    )
    return list(info(iter(requests), timeout=30))


@pytest.mark.parametrize("path", [reflection.INFO, reflection.INFO_V1ALPHA])
def test_every_method_that_can_be_called_can_be_found(numbers_server: RunningServer, path: str):
    with grpc.insecure_channel(numbers_server.address) as channel:
        (listed,) = ask(channel, path, pb.ServerReflectionRequest(list_services=""))
        services = [each.name for each in listed.list_services_response.service]
        asked = [pb.ServerReflectionRequest(file_containing_symbol=name) for name in services]
        answers = ask(channel, path, *asked)
    assert len(answers) == len(services) >= 6
    pool = descriptor_pool.DescriptorPool()
    for answer in answers:
        for data in reversed(answer.file_descriptor_response.file_descriptor_proto):
            pool.Add(descriptor_pb2.FileDescriptorProto.FromString(data))
    for method in (oip.MODEL_INFER, tfs.PREDICT, tfs.GET_MODEL_STATUS, path):
        _, service, name = method.split("/")
        assert pool.FindServiceByName(service).FindMethodByName(name)


def test_a_call_can_be_made_with_nothing_but_what_reflection_tells(numbers_server: RunningServer):
    with grpc.insecure_channel(numbers_server.address) as channel:
        request = pb.ServerReflectionRequest(
            file_containing_symbol="inference.GRPCInferenceService"
        )
        (answer,) = ask(channel, reflection.INFO, request)
        pool = descriptor_pool.DescriptorPool()
        for data in reversed(answer.file_descriptor_response.file_descriptor_proto):
            pool.Add(descriptor_pb2.FileDescriptorProto.FromString(data))
        method = pool.FindServiceByName("inference.GRPCInferenceService").FindMethodByName(
            "ServerReady"
        )
        data = channel.unary_unary(oip.SERVER_READY)(b"", timeout=30)
        assert message_factory.GetMessageClass(method.output_type).FromString(data).ready


def test_reflection_can_be_switched_off():
    with running_server(BUNDLED_STORE, enable_reflection=False) as server:
        with grpc.insecure_channel(server.address) as channel, pytest.raises(grpc.RpcError) as no:
            ask(channel, reflection.INFO, pb.ServerReflectionRequest(list_services=""))
    assert no.value.code() is grpc.StatusCode.UNIMPLEMENTED
