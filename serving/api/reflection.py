"""gRPC's server reflection: what there is to call, answered from our own descriptors.

Both versions of the protocol have the same bytes and differ in their service's name.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor

from model_store.errors import Code
from serving.api.protos import grpc_reflection_pb2 as pb
from serving.api.protos.pool import POOL
from serving.api.wire import parse

INFO = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
INFO_V1ALPHA = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def answer_reflection(request: bytes, services: Iterable[str]) -> bytes:
    """Answer one question; *services* are the full names of those that can be called.

    A question without an answer is no failure of the call: the error is in the answer.

    Raises:
        InvalidRequest: It is not a ServerReflectionRequest.
    """
    asked = parse(pb.ServerReflectionRequest, request)
    response = pb.ServerReflectionResponse(valid_host=asked.host, original_request=asked)
    kind = asked.WhichOneof("message_request")
    try:
        if kind == "list_services":
            names = [pb.ServiceResponse(name=name) for name in sorted(services)]
            response.list_services_response.service.extend(names)
        elif kind == "file_by_filename":
            _put_file(response, POOL.FindFileByName(asked.file_by_filename))
        elif kind == "file_containing_symbol":
            _put_file(response, _file_of(asked.file_containing_symbol))
        elif kind == "file_containing_extension":
            raise KeyError(kind)  # proto3's messages, as ours are, have none
        elif kind == "all_extension_numbers_of_type":
            name = asked.all_extension_numbers_of_type
            POOL.FindMessageTypeByName(name)
            response.all_extension_numbers_response.base_type_name = name
        else:
            _put_error(response, Code.INVALID_ARGUMENT, "the request asks nothing")
    except KeyError:
        _put_error(response, Code.NOT_FOUND, "there is no such file, symbol or extension")
    return response.SerializeToString()


def _file_of(symbol: str) -> FileDescriptor:
    service, _, method = symbol.rpartition(".")
    try:
        return POOL.FindFileContainingSymbol(symbol)
    except KeyError:  # the pool knows no methods
        return POOL.FindServiceByName(service).methods_by_name[method].containing_service.file


def _put_file(response: pb.ServerReflectionResponse, file: FileDescriptor) -> None:
    files: dict[str, bytes] = {}
    _add_imports_first(file, files)
    # The file that was asked for comes first, and each before those that it imports.
    response.file_descriptor_response.file_descriptor_proto.extend(reversed(files.values()))


def _add_imports_first(file: FileDescriptor, files: dict[str, bytes]) -> None:
    for each in file.dependencies:
        _add_imports_first(each, files)
    files.setdefault(file.name, file.serialized_pb)


def _put_error(response: pb.ServerReflectionResponse, code: Code, message: str) -> None:
    response.error_response.error_code = code.grpc_number
    response.error_response.error_message = message
