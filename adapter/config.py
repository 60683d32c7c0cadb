"""The adapter's settings: one frozen value with a part for each section, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from model_store.errors import InvalidRequest

SERVICES = ("classifier", "numbers", "fingers", "models", "visionapi", "aivoice", "feedback")
Switch = Literal["auto", "on", "off"]
# Hands the settings from the command to the processes that answer.
WORKER_CONFIG_VARIABLE = "EASEL_ADAPTER_WORKER_CONFIG"


@dataclass(frozen=True, slots=True)
class AdapterConfig:
    """Settings of ``easel adapter``; each is a flag, ``EASEL_ADAPTER_NAME`` and a key of [adapter].

    Attributes:
        store: Folder of the model store; labels and input contracts are read from it.
        model_server: Address of the model server for models that `model_servers` does not name.
        model_servers: Which servers hold which model: [MODEL=]SCHEME://ADDRESS[;ADDRESS], and so on.
        model_server_ca: PEM file of who signs the model servers' certificates.
        model_server_certificate: PEM file of a certificate for servers that ask for one.
        model_server_key: PEM file of its private key.
        shared_memory: How shared memory begins that oip+http servers here read; none if empty.
        torchserve_token_file: TorchServe's key_file.json, or a file with its token alone.
        services: Which routes to offer, with commas between them.
        host: Address to listen on.
        port: HTTP port.
        workers: Processes.
        threads: Requests at a time in each process, without those that wait for others.
        own_cores: Whether each process stays on a core: auto (as many of both), on or off.
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
    shared_memory: str = ""
    torchserve_token_file: str = ""
    services: tuple[str, ...] = SERVICES
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    threads: int = 4
    own_cores: Switch = "auto"
    timeout_s: float = 5.0
    max_body_bytes: int = 10 * 1024 * 1024
    max_pixels: int = 16_000_000
    max_frames: int = 1000


@dataclass(frozen=True, slots=True)
class GoogleConfig:
    """Google's services; ``auto`` uses one where application default credentials are found.

    Attributes:
        vision: Whether Cloud Vision's web detection is asked: auto, on or off.
        text_to_speech: Whether Text-to-Speech is: auto, on or off.
        vision_endpoint: Host and port, if not Google's own.
        text_to_speech_endpoint: Host and port, if not Google's own.
        tls_ca: PEM file of who signs these endpoints' certificates, if not a public authority.
        plaintext: Without TLS and credentials, for emulators.
        timeout_s: Longest time for an answer of Google's, within the request's own.
        cache_bytes: What answers of each service may take in each process; 0 keeps none.
        cache_ttl_s: Seconds for which they are kept.
    """

    vision: Switch = "auto"
    text_to_speech: Switch = "auto"
    vision_endpoint: str = ""
    text_to_speech_endpoint: str = ""
    tls_ca: str = ""
    plaintext: bool = False
    timeout_s: float = 3.0
    cache_bytes: int = 16 * 1024 * 1024
    cache_ttl_s: float = 3600.0

    def __post_init__(self) -> None:
        """Raise InvalidRequest for what cannot be."""
        if not (self.timeout_s > 0 and self.cache_ttl_s > 0 and self.cache_bytes >= 0):
            raise InvalidRequest(
                "settings google_timeout_s and google_cache_ttl_s must be above 0, and"
                " google_cache_bytes not below"
            )


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """The speech engine on this machine, and what may be said at all.

    Attributes:
        local: Whether eSpeak NG is used: auto (where it is installed), on or off.
        max_text_bytes: Longest text, in UTF-8; Google takes no more than 5000.
        max_waiting: Texts that may wait for the engine, in each process.
    """

    local: Switch = "auto"
    max_text_bytes: int = 5000
    max_waiting: int = 16

    def __post_init__(self) -> None:
        """Raise InvalidRequest for what cannot be."""
        if self.max_text_bytes < 1 or self.max_waiting < 0:
            raise InvalidRequest(
                "setting speech_max_text_bytes must be above 0, and speech_max_waiting not below"
            )


@dataclass(frozen=True, slots=True)
class FeedbackConfig:
    """The request log, which holds what people drew: off unless a folder is named.

    Attributes:
        log: Folder for answered requests and feedback; without one nothing is kept.
        format: jsonl, or parquet with the extra of that name.
        share: Which part of the requests is kept, from 0 to 1; feedback is always.
        file_bytes: How large a file grows before the next one is begun.
        file_s: Seconds after which the next file is begun.
        keep_days: Days after which a file is deleted.
        max_bytes: What all files may take; then the oldest go.
        queue_bytes: What may wait to be written in each process; more is dropped, and counted.
        per_minute: How often feedback is taken in each process.
    """

    log: str = ""
    format: Literal["jsonl", "parquet"] = "jsonl"
    share: float = 1.0
    file_bytes: int = 64 * 1024 * 1024
    file_s: float = 3600.0
    keep_days: float = 30.0
    max_bytes: int = 1024 * 1024 * 1024
    queue_bytes: int = 16 * 1024 * 1024
    per_minute: int = 600

    def __post_init__(self) -> None:
        """Raise InvalidRequest for what cannot be."""
        if not 0 <= self.share <= 1:
            raise InvalidRequest("setting feedback_share must be from 0 to 1")
        for name in ("file_bytes", "file_s", "keep_days", "max_bytes", "queue_bytes", "per_minute"):
            if not getattr(self, name) > 0:
                raise InvalidRequest(f"setting feedback_{name} must be above 0")


@dataclass(frozen=True, slots=True)
class OpsConfig:
    """Settings of the operations page.

    Attributes:
        metrics: URLs of the model servers' metrics, or unix:/PATH; by default at `model_server`.
    """

    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessConfig:
    """Who may ask, from where and how often; nobody is asked anything unless told.

    Attributes:
        key_file: JSON file of API keys, made by `easel keys`; without one nobody needs a key.
        open_scopes: What may be done without a key although there is a file of them.
        allowed_origins: Origins whose pages may call, with commas between them; * for all.
        allow_credentials: Whether browsers may send cookies from these origins.
        rate_limit: Requests that one key, or one address without a key, may make: 600/minute.
        rate_storage: Where they are counted: memory://, each process by itself, or redis://HOST:PORT.
        trusted_proxies: Addresses or networks whose X-Forwarded-For is believed.
        hsts_s: Seconds for which browsers are to use HTTPS only; 0 to say nothing.
        log: File for one line of JSON a request, or - for standard output.
    """

    key_file: str = ""
    open_scopes: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allow_credentials: bool = False
    rate_limit: str = ""
    rate_storage: str = "memory://"
    trusted_proxies: tuple[str, ...] = ()
    hsts_s: int = 0
    log: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections of the adapter's configuration.

    Attributes:
        adapter: Flags ``--name``, ``EASEL_ADAPTER_NAME``, table [adapter]; another section's are
            ``--section_name``, ``EASEL_SECTION_NAME``, [section].
        google: Google's services.
        speech: Text to speech.
        access: Who may ask.
        feedback: The request log, and feedback to it.
        ops: What ``/ops`` asks.
    """

    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    google: GoogleConfig = field(default_factory=GoogleConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    access: AccessConfig = field(default_factory=AccessConfig)
    feedback: FeedbackConfig = field(default_factory=FeedbackConfig)
    ops: OpsConfig = field(default_factory=OpsConfig)
