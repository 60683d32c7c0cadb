"""TF Serving's HandleReloadConfigRequest: other models, versions and labels while serving."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from model_store.errors import PermissionDenied
from serving.api.protos import tensorflow_serving_config_pb2 as pb
from serving.crew.crew import Crew
from serving.engine.deployment import ModelConfig
from serving.services.control import ModelControl
from serving.services.methods import Call, Methods, Unary
from serving.services.tfs_config import decode_reload_request

RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


def reload_methods(
    crew: Crew,
    control: ModelControl,
    store: Path,
    configured: Callable[[], Iterable[ModelConfig]] = tuple,
) -> Methods:
    """The method by its full path.

    Args:
        crew: Whose models are replaced.
        control: Who may do so.
        store: Models are loaded from here,
        configured: and from the folders that the operator names by now, no others.
    """

    async def reload(request: bytes, call: Call) -> bytes:
        control.check(call)
        wanted = decode_reload_request(request)
        folders = [config.folder for config in configured()]
        await crew.reconfigure([_allowed(config, store, folders) for config in wanted])
        response = pb.ReloadConfigResponse()
        response.status.SetInParent()  # OK, of which nothing is written
        return response.SerializeToString()

    return {RELOAD: Unary(reload)}


def _allowed(config: ModelConfig, store: Path, folders: Sequence[Path]) -> ModelConfig:
    """The config, if it leads nowhere but to where models may be loaded from.

    Raises:
        PermissionDenied: It leads elsewhere.
    """
    folder = _plain(config.folder)
    # What stands in the store is checked against its manifest, whoever asks for it.
    if folder.parent == _plain(store):
        return replace(config, folder=folder, needs_manifest=True)
    if folder in map(_plain, folders):
        return replace(config, folder=folder)
    raise PermissionDenied(
        f"model {config.name}: base_path {config.folder} is neither in the store "
        "nor a folder that the server was started with"
    )


def _plain(path: Path) -> Path:
    """Absolute and without ``..``; links stay, as whoever made them could copy as well."""
    return Path(os.path.normpath(path.absolute()))
