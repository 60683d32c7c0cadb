"""gRPC's health messages, for both sides."""

from __future__ import annotations

from serving.api.protos import grpc_health_pb2 as pb
from serving.api.wire import parse

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"


def encode_check_request() -> bytes:
    """Ask for the whole server."""
    return pb.HealthCheckRequest().SerializeToString()


def decode_service(request: bytes) -> str:
    """Which service is asked for; empty for the whole server.

    Raises:
        InvalidRequest: It is not a HealthCheckRequest.
    """
    return parse(pb.HealthCheckRequest, request).service


def encode_status(*, is_serving: bool | None) -> bytes:
    """SERVING, NOT_SERVING, or SERVICE_UNKNOWN for None."""
    if is_serving is None:
        status = pb.HealthCheckResponse.SERVICE_UNKNOWN
    else:
        status = (
            pb.HealthCheckResponse.SERVING if is_serving else pb.HealthCheckResponse.NOT_SERVING
        )
    return pb.HealthCheckResponse(status=status).SerializeToString()


def decode_is_serving(response: bytes) -> bool:
    """Whether the answer is SERVING."""
    return parse(pb.HealthCheckResponse, response).status == pb.HealthCheckResponse.SERVING
