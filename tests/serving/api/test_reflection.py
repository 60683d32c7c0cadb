"""Reflection's answers: files that a fresh pool can be built of, and errors that are answers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import Code, InvalidRequest
from serving.api import reflection
from serving.api.protos import grpc_reflection_pb2 as pb

SERVICES = {"inference.GRPCInferenceService", "grpc.health.v1.Health"}


def ask(**fields: object) -> pb.ServerReflectionResponse:
    request = pb.ServerReflectionRequest(host="h", **fields)
    data = reflection.answer_reflection(request.SerializeToString(), SERVICES)
    response = pb.ServerReflectionResponse.FromString(data)
    assert (response.valid_host, response.original_request) == ("h", request)
    return response


def files_of(response: pb.ServerReflectionResponse) -> list[descriptor_pb2.FileDescriptorProto]:
    data = response.file_descriptor_response.file_descriptor_proto
    return [descriptor_pb2.FileDescriptorProto.FromString(each) for each in data]


def test_the_services_are_listed_in_order():
    listed = ask(list_services="*").list_services_response.service
    assert [each.name for each in listed] == sorted(SERVICES)


@pytest.mark.parametrize(
    "symbol",
    [
        "inference.GRPCInferenceService",
        "inference.GRPCInferenceService.ModelInfer",
        "tensorflow.serving.PredictRequest",
        "tensorflow.DataType",
        "grpc.health.v1.HealthCheckResponse.ServingStatus",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ],
)
def test_a_symbols_file_comes_with_all_it_imports(symbol):
    files = files_of(ask(file_containing_symbol=symbol))
    pool = descriptor_pool.DescriptorPool()
    for file in reversed(files):  # imports stand behind what imports them
        pool.Add(file)
    known = symbol.removesuffix(".ModelInfer")  # a pool itself knows no methods
    assert pool.FindFileContainingSymbol(known).name == files[0].name


def test_a_file_is_found_by_its_name():
    (first, *_) = files_of(ask(file_containing_symbol="inference.ModelInferRequest"))
    (again, *_) = files_of(ask(file_by_filename=first.name))
    assert again == first


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"file_by_filename": "nope.proto"}, Code.NOT_FOUND),
        ({"file_containing_symbol": "no.Such"}, Code.NOT_FOUND),
        ({"file_containing_symbol": ""}, Code.NOT_FOUND),
        ({"file_containing_symbol": "grpc.health.v1.Health.Nope"}, Code.NOT_FOUND),
        ({"all_extension_numbers_of_type": "no.Such"}, Code.NOT_FOUND),
        ({"file_containing_extension": {"containing_type": "no.Such", "extension_number": 1}},
         Code.NOT_FOUND),
        ({"file_containing_extension": {"containing_type": "inference.ModelInferRequest",
                                        "extension_number": 1}}, Code.NOT_FOUND),
        ({}, Code.INVALID_ARGUMENT),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_an_error_within_the_answer(fields, code):
    assert ask(**fields).error_response.error_code == code.grpc_number


def test_our_messages_have_no_extensions():
    numbers = ask(all_extension_numbers_of_type="inference.ModelInferRequest")
    assert numbers.all_extension_numbers_response.base_type_name == "inference.ModelInferRequest"
    assert not numbers.all_extension_numbers_response.extension_number


@given(st.binary(max_size=60))
def test_any_bytes_are_a_question_or_refused(data):
    with suppress(InvalidRequest):
        pb.ServerReflectionResponse.FromString(reflection.answer_reflection(data, SERVICES))


@given(st.text(max_size=30), st.sampled_from(["file_by_filename", "file_containing_symbol"]))
def test_any_name_has_an_answer(name, kind):
    response = ask(**{kind: name})
    assert response.WhichOneof("message_response") in ("error_response", "file_descriptor_response")
