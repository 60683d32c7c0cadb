"""The adapter's settings: one frozen value, read once by the command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SERVICES = ("numbers",)
# Hands the settings from the command to the processes that answer.
WORKER_CONFIG_VARIABLE = "EASEL_ADAPTER_WORKER_CONFIG"


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Settings of ``easel adapter``; each is a flag, ``EASEL_ADAPTER_NAME`` and a key of [adapter].

    Attributes:
        store: Folder of the model store; labels and input contracts are read from it.
        model_server: Address of the gRPC model server.
        services: Which routes to offer, with commas between them.
        host: Address to listen on.
        port: HTTP port.
        workers: Processes.
        threads: Requests at a time in each process.
        timeout_s: Seconds for the model server's answer.
        max_body_bytes: Longest request body.
        max_pixels: Largest image, in pixels.
    """

    store: Path = Path("model_store/models")
    model_server: str = "127.0.0.1:8500"
    services: tuple[str, ...] = SERVICES
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    threads: int = 4
    timeout_s: float = 5.0
    max_body_bytes: int = 10 * 1024 * 1024
    max_pixels: int = 16_000_000
