"""Triton's system shared memory extension: what requests say of regions, and in them of tensors.

Source: Triton's ``extension_shared_memory.md``, and where that is silent a real Triton.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from model_store.errors import InvalidRequest
from serving.api.json_text import parse_json
from serving.api.oip_fields import Object, text_of
from serving.api.protos import inference_pb2 as pb
from serving.api.regions import Region, Span
from serving.api.wire import parse

_REGION, _SIZE, _OFFSET = (f"shared_memory_{what}" for what in ("region", "byte_size", "offset"))
_MOST = 2**63


def decode_span(parameters: Mapping[str, object], where: str) -> Span | None:
    """Where a tensor is, or is to go; None where its parameters do not name a region.

    Raises:
        InvalidRequest: They say only half of it, or something of a wrong type.
    """
    region = parameters.get(_REGION)
    if region is None:
        if alone := next((name for name in (_SIZE, _OFFSET) if name in parameters), None):
            raise InvalidRequest(
                f"'{alone}' can not be specified without '{_REGION}' parameter for {where}"
            )
        return None
    if type(region) is not str:
        raise InvalidRequest(f"'{_REGION}' of {where} must be a string, got {region!r}")
    if _SIZE not in parameters:
        raise InvalidRequest(
            f"'{_SIZE}' must be specified along with '{_REGION}' parameter for {where}"
        )
    sizes = [_whole(parameters.get(name, 0), name, where) for name in (_SIZE, _OFFSET)]
    return Span(region, *sizes)


def decode_register_request(body: bytes, name: str) -> Region:
    """Read a request over HTTP to register the region *name*.

    Raises:
        InvalidRequest: It is not one.
    """
    message = parse_json(body)
    if type(message) is not dict:
        raise InvalidRequest("the request must be a JSON object with 'key' and 'byte_size'")
    where = "the register request"
    for needed in ("key", "byte_size"):
        if needed not in message:
            raise InvalidRequest(f"Shared memory register request has no '{needed}' field")
    sizes = [_whole(message.get(each, 0), each, where) for each in ("offset", "byte_size")]
    return Region(name, text_of(message, "key", where), *sizes)


def _whole(value: object, name: str, where: str) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise InvalidRequest(f"'{name}' of {where} must be a whole number from 0, got {value!r}")
    return value


def read_register_request(data: bytes) -> Region:
    """Read a SystemSharedMemoryRegisterRequest.

    Raises:
        InvalidRequest: It is not one.
    """
    message = parse(pb.SystemSharedMemoryRegisterRequest, data)
    return Region(message.name, message.key, message.offset, message.byte_size)


def describe_regions(regions: Iterable[Region]) -> list[Object]:
    """The regions as JSON has them."""
    return [
        {"name": each.name, "key": each.key, "offset": each.offset, "byte_size": each.byte_size}
        for each in regions
    ]


def write_status(regions: Iterable[Region]) -> bytes:
    """Write a SystemSharedMemoryStatusResponse."""
    response = pb.SystemSharedMemoryStatusResponse()
    for each in describe_regions(regions):
        response.regions[each["name"]].CopyFrom(
            pb.SystemSharedMemoryStatusResponse.RegionStatus(**each)
        )
    return response.SerializeToString()
