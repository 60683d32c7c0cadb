"""The adapter's settings: one frozen value with a part for each section, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

SERVICES = ("classifier", "numbers")
# Hands the settings from the command to the processes that answer.
WORKER_CONFIG_VARIABLE = "EASEL_ADAPTER_WORKER_CONFIG"


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Settings of ``easel adapter``; each is a flag, ``EASEL_ADAPTER_NAME`` and a key of [adapter].

    Attributes:
        store: Folder of the model store; labels and input contracts are read from it.
        model_server: Address of the model server, for models that `model_servers` does not name.
        model_servers: Which servers hold which model: [MODEL=]SCHEME://ADDRESS[;ADDRESS], and so on.
        model_server_ca: PEM file of who signs the model servers' certificates.
        model_server_certificate: PEM file of a certificate for servers that ask for one.
        model_server_key: PEM file of its private key.
        services: Which routes to offer, with commas between them.
        host: Address to listen on.
        port: HTTP port.
        workers: Processes.
        threads: Requests at a time in each process.
        timeout_s: Seconds for an answer; a caller may want it sooner.
        max_body_bytes: Longest request body.
        max_pixels: Largest image, in pixels.
        max_frames: Longest animation, in frames; of any, the first is read.
    """

    store: Path = Path("model_store/models")
    model_server: str = "127.0.0.1:8500"
    model_servers: tuple[str, ...] = ()
    model_server_ca: str = ""
    model_server_certificate: str = ""
    model_server_key: str = ""
    services: tuple[str, ...] = SERVICES
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    threads: int = 4
    timeout_s: float = 5.0
    max_body_bytes: int = 10 * 1024 * 1024
    max_pixels: int = 16_000_000
    max_frames: int = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections of the adapter's configuration.

    Attributes:
        adapter: Flags ``--name``, ``EASEL_ADAPTER_NAME``, table [adapter]; another section's are
            ``--section_name``, ``EASEL_SECTION_NAME``, [section].
    """

    adapter: AdapterConfig = field(default_factory=AdapterConfig)
