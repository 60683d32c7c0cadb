"""TF Serving's configuration files and its request to reload one, as our own values.

The files are in protobuf's text format.  What TF Serving reads and Easel has no use for
(request logging, the platform's name where it is one that we run) is accepted; a field
that TF Serving does not know is an error that names its line.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from model_store.errors import InvalidRequest
from serving.api.protos import pool
from serving.api.protos import tensorflow_serving_config_pb2 as pb
from serving.api.wire import parse
from serving.engine.deployment import All, Latest, ModelConfig, Policy, Specific
from serving.engine.limits import BatchOverrides

MessageT = TypeVar("MessageT", bound=Message)

DEFAULT_MONITORING_PATH = "/monitoring/prometheus/metrics"
# What a model may be made of; each version's own files say which of them it is.
_PLATFORMS = ("", "tensorflow", "onnx")
_FILE_SCHEME = "file://"


@dataclass(frozen=True, slots=True)
class MonitoringConfig:
    """What ``monitoring_config_file`` says.

    Attributes:
        path: Where Prometheus' metrics are served; None for nowhere.
    """

    path: str | None = None


@dataclass(frozen=True, slots=True)
class SslConfig:
    """What ``ssl_config_file`` says; keys and certificates are PEM text, not file names.

    Attributes:
        server_key: The server's private key.
        server_cert: Its certificate, with those that vouch for it.
        custom_ca: Certificates that vouch for clients.
        client_verify: Whether a client needs a certificate.
    """

    server_key: str
    server_cert: str
    custom_ca: str = ""
    client_verify: bool = False


def read_model_config_file(text: str) -> tuple[ModelConfig, ...]:
    """Read a ``model_config_file``.

    Raises:
        InvalidRequest: It is not one; the message has the line, or the model's name.
    """
    return _models(_read(text, pb.ModelServerConfig, "model_config_file"))


def single_model(name: str, base_path: str) -> ModelConfig:
    """The list of one that TF Serving makes of ``model_name`` and ``model_base_path``.

    Raises:
        InvalidRequest: There is no name, or the path is no absolute one of this machine.
    """
    return _models(
        pb.ModelServerConfig(
            model_config_list=pb.ModelConfigList(
                config=[pb.ModelConfig(name=name, base_path=base_path)]
            )
        )
    )[0]


def decode_reload_request(data: bytes) -> tuple[ModelConfig, ...]:
    """Read a ReloadConfigRequest.

    Raises:
        InvalidRequest: It is not one, or has no list of models.
    """
    config = parse(pb.ReloadConfigRequest, data).config
    if config.WhichOneof("config") != "model_config_list":
        raise InvalidRequest(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    return _models(config)


def read_batching_file(text: str) -> BatchOverrides:
    """Read a ``batching_parameters_file``.

    Requests are always split, and lists of different lengths never padded to be run
    together; what the file says of these two changes no answer.

    Raises:
        InvalidRequest: It is not one; the message has the line.
    """
    found = _read(text, pb.BatchingParameters, "batching_parameters_file")
    # Where requests are split this is the size of a run, and max_batch_size that of a request.
    given = {field.name: value.value for field, value in found.ListFields() if field.message_type}
    if given.get("enable_large_batch_splitting") and "max_execution_batch_size" in given:
        given["max_batch_size"] = given["max_execution_batch_size"]
    return BatchOverrides(
        max_batch_size=given.get("max_batch_size"),
        batch_timeout_micros=given.get("batch_timeout_micros"),
        allowed_batch_sizes=tuple(found.allowed_batch_sizes) or None,
        max_enqueued_batches=given.get("max_enqueued_batches"),
        num_batch_threads=given.get("num_batch_threads"),
    )


def read_monitoring_file(text: str) -> MonitoringConfig:
    """Read a ``monitoring_config_file``.

    Raises:
        InvalidRequest: It is not one; the message has the line.
    """
    prometheus = _read(text, pb.MonitoringConfig, "monitoring_config_file").prometheus_config
    if not prometheus.enable:
        return MonitoringConfig()
    path = prometheus.path or DEFAULT_MONITORING_PATH
    if not path.startswith("/"):
        raise InvalidRequest(f"monitoring_config_file: path {path!r} must begin with /")
    return MonitoringConfig(path)


def read_ssl_file(text: str) -> SslConfig:
    """Read an ``ssl_config_file``.

    Raises:
        InvalidRequest: It is not one, or lacks the key, the certificate, or the CA it needs.
    """
    found = _read(text, pb.SSLConfig, "ssl_config_file")
    needed = ["server_key", "server_cert", *(["custom_ca"] if found.client_verify else [])]
    for name in needed:
        if not getattr(found, name):
            raise InvalidRequest(f"ssl_config_file: {name} is missing")
    return SslConfig(found.server_key, found.server_cert, found.custom_ca, found.client_verify)


def _read(text: str, kind: type[MessageT], what: str) -> MessageT:
    try:
        return text_format.Parse(text, kind(), descriptor_pool=pool.POOL)
    except text_format.ParseError as error:
        line, column = error.GetLine(), error.GetColumn()
        reason = str(error).removeprefix(f"{line}:{column} : ")
        raise InvalidRequest(f"{what}, line {line}, column {column}: {reason}") from error


def _models(config: pb.ModelServerConfig) -> tuple[ModelConfig, ...]:
    if config.WhichOneof("config") == "custom_model_config":
        raise InvalidRequest("custom_model_config is not supported; use model_config_list")
    listed = config.model_config_list.config
    _check_names(listed)
    return tuple(_model(each) for each in listed)


def _check_names(listed: Iterable[pb.ModelConfig]) -> None:
    seen: set[str] = set()
    for each in listed:
        if not each.name:
            raise InvalidRequest(f"a model without a name, with base_path {each.base_path!r}")
        if each.name in seen:
            raise InvalidRequest(f"Illegal to list model {each.name} multiple times in config list")
        seen.add(each.name)


def _model(config: pb.ModelConfig) -> ModelConfig:
    _check_platform(config)
    return ModelConfig(
        config.name,
        _folder(config),
        _policy(config.model_version_policy),
        # TF Serving's folders have no deployment.json; where there is one, it is meant.
        labels=dict(config.version_labels) or None,
        needs_manifest=False,
    )


def _check_platform(config: pb.ModelConfig) -> None:
    if config.model_type != pb.MODEL_TYPE_UNSPECIFIED and config.model_platform:
        raise InvalidRequest(
            "Illegal setting both ModelServerConfig::model_type (deprecated) and "
            f"ModelServerConfig::model_platform, model name is {config.name}"
        )
    if config.model_type not in {pb.MODEL_TYPE_UNSPECIFIED, pb.TENSORFLOW}:
        raise InvalidRequest(
            f"ModelServerConfig::model_type choice {config.model_type} not supported."
        )
    if config.model_platform not in _PLATFORMS:
        known = ", ".join(_PLATFORMS[1:])
        raise InvalidRequest(
            f"model {config.name}: model_platform {config.model_platform!r} is not one of {known}"
        )


def _folder(config: pb.ModelConfig) -> Path:
    path = config.base_path.removeprefix(_FILE_SCHEME)
    if "://" in path:
        raise InvalidRequest(
            f"model {config.name}: base_path {path} is not a folder of this machine"
        )
    if not path.startswith("/"):
        raise InvalidRequest(
            f"Expected model {config.name} to have an absolute path or URI; "
            f"got base_path()={config.base_path}"
        )
    if "\0" in path:
        raise InvalidRequest(f"model {config.name}: base_path has a NUL character")
    return Path(path)


def _policy(policy: pb.FileSystemStoragePathSourceConfig.ServableVersionPolicy) -> Policy:
    match policy.WhichOneof("policy_choice"):
        case "all":
            return All()
        case "specific":
            return Specific(tuple(policy.specific.versions))
        case _:
            return Latest(max(policy.latest.num_versions, 1))
