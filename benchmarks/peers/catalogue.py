"""The peers, and how each is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.peers import apis, starting
from benchmarks.peers.apis import Api
from benchmarks.peers.starting import Start

GRPC, BINARY, JSON = "gRPC", "HTTP, binary", "HTTP, JSON"


@dataclass(frozen=True, slots=True)
class Peer:
    """One competitor.

    Attributes:
        name: Of its folder and its environment.
        title: In the tables.
        start: Makes its command.
        asked: Its API for each of the protocols above that it speaks.
        wanted: How many times as fast we mean to be with 8 and 32 callers.
        has_grpc_port: Whether gRPC is on a port of its own.
    """

    name: str
    title: str
    start: Start
    asked: Mapping[str, Api]
    wanted: float
    has_grpc_port: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is Easel."""
        return self.start in (starting.easel, starting.easel_in_one)

    def best(self) -> tuple[str, Api]:
        """How it is asked where only one way counts: with the least packaging."""
        return next(iter(self.asked.items()))


_OPEN_INFERENCE = {GRPC: apis.oip_grpc, BINARY: apis.oip_binary, JSON: apis.oip_json}

EASEL = Peer("easel", "easel serve", starting.easel, _OPEN_INFERENCE, 1.0, has_grpc_port=True)
EASEL_IN_ONE = Peer(
    "easel-in-one", "easel serve --workers 1", starting.easel_in_one, _OPEN_INFERENCE, 1.0,
    has_grpc_port=True,
)  # fmt: skip
# The same process, asked through its other API.
EASEL_TFS = Peer(
    "easel-tfs", "easel serve, TF Serving's API", starting.easel,
    {GRPC: apis.tfs_grpc, JSON: apis.tfs_json}, 1.0, has_grpc_port=True,
)  # fmt: skip

# Each protocol of the configuration that is best for it.
_TRITON = {
    GRPC: apis.oip_grpc,
    BINARY: apis.renamed(apis.oip_binary, "{}_http"),
    JSON: apis.renamed(apis.oip_json, "{}_http"),
}

PEERS = (
    Peer("triton", "Triton 2.51, Python backend", starting.triton, _TRITON, 1.1, True),
    Peer(
        "mosec", "mosec 0.9.8",
        starting.script("mosec", "--address", "127.0.0.1", "--port", "{port}", "--log-level", "warning", "--timeout", "30000"),
        {BINARY: apis.raw_bytes("/")}, 1.1,
    ),
    Peer(
        "torchserve", "TorchServe 0.12", starting.torchserve,
        {GRPC: apis.torchserve_grpc, BINARY: apis.raw_bytes("/predictions/")}, 1.1, True,
    ),
    Peer(
        "kserve", "KServe SDK 0.21",
        starting.script("kserve", "--http_port", "{port}", "--grpc_port", "{grpc_port}", "--enable_latency_logging", "false", "--workers", "2"),
        _OPEN_INFERENCE, 3.0, True,
    ),
    Peer(
        "mlserver", "MLServer 1.7.1", starting.mlserver,
        {GRPC: apis.oip_grpc, JSON: apis.oip_json}, 3.0, True,
    ),
    Peer("litserve", "LitServe 0.2.19", starting.script("litserve", "--port", "{port}"), {JSON: apis.base64_json}, 3.0),
    Peer("bentoml", "BentoML 1.4.39", starting.bentoml, {JSON: apis.base64_list}, 3.0),
    Peer("ray", "Ray Serve 2.60", starting.ray, {BINARY: apis.raw_bytes("/")}, 3.0),
)  # fmt: skip
