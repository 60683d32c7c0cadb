"""What the settings want served: TF Serving's flags and files, read and followed.

Without them it is the store; a list of models wins over a single base path, as it does in
TF Serving.  Used by the server's start, which hands the result to the engine.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from model_store.errors import EaselError, InvalidRequest
from serving.config import ServerConfig
from serving.engine.deployment import ModelConfig
from serving.engine.limits import BatchLimits, BatchOverrides, with_overrides
from serving.services.tfs_config import (
    MonitoringConfig,
    read_batching_file,
    read_model_config_file,
    read_monitoring_file,
    single_model,
)

logger = logging.getLogger(__name__)

# What a version's folder may hold: the same text as ``batching_parameters_file``.
BATCHING_FILE = "batching_params.pbtxt"


def wanted_models(config: ServerConfig) -> tuple[ModelConfig, ...] | None:
    """The models that the settings name; None for every model of the store.

    A folder need not be there yet.

    Raises:
        InvalidRequest: The file cannot be read, or a path is no absolute one.
    """
    if config.model_config_file:
        path = Path(config.model_config_file)
        return read_model_config_file(_read("model_config_file", path))
    if not config.model_base_path:
        return None
    if "://" not in config.model_base_path and not Path(config.model_base_path).is_absolute():
        raise InvalidRequest(
            f"--model_base_path={config.model_base_path} is relative; "
            f"write --model_base_path={Path(config.model_base_path).absolute()}"
        )
    return (single_model(config.model_name, config.model_base_path),)


def monitoring_of(config: ServerConfig) -> MonitoringConfig:
    """Where Prometheus' metrics are served for who scraped TF Serving.

    Raises:
        InvalidRequest: The file cannot be read, or says something wrong.
    """
    if not config.monitoring_config_file:
        return MonitoringConfig()
    text = _read("monitoring_config_file", Path(config.monitoring_config_file))
    return read_monitoring_file(text)


def limits_of(config: ServerConfig, lanes: int) -> BatchLimits:
    """The limits of every model, with what ``batching_parameters_file`` says of them.

    Raises:
        InvalidRequest: The file cannot be read, or the result contradicts itself.
    """
    limits = BatchLimits(
        max_rows=config.max_batch_rows,
        max_waiting_rows=config.max_waiting_rows,
        max_queue_s=config.max_queue_s,
        lanes=lanes,
    )
    found, name = BatchOverrides(), config.batching_parameters_file
    if config.enable_batching and name:
        found = read_batching_file(_read("batching_parameters_file", Path(name)))
    elif name or (config.enable_per_model_batching_parameters and not config.enable_batching):
        raise InvalidRequest("batching parameters need --enable_batching")
    if config.enable_per_model_batching_parameters:  # only the threads are everybody's then
        found = BatchOverrides(num_batch_threads=found.num_batch_threads)
    return with_overrides(limits, found)


def batching_of(folder: Path) -> BatchOverrides:
    """What a version's own file says of how its requests are joined.

    Raises:
        InvalidRequest: There is one that cannot be read, or it says something wrong.
    """
    path = folder / BATCHING_FILE
    if not path.exists():
        return BatchOverrides()
    found = read_batching_file(_read(BATCHING_FILE, path))
    return BatchOverrides(
        found.max_batch_size,
        found.batch_timeout_micros,
        found.allowed_batch_sizes,
        found.max_enqueued_batches,
    )


class Loading(Protocol):
    """What can be told which models to serve: an engine, or all workers."""

    async def load_all(self, configs: Iterable[ModelConfig] | None) -> None:
        """Load what is wanted of these models; without a list, of every model of the store."""
        ...


class WantedModels:
    """The models that the settings name, now; lives on the event loop.

    Attributes:
        configs: Them; None for every model of the store.
    """

    def __init__(self, config: ServerConfig) -> None:
        """Read the settings' files.

        Raises:
            InvalidRequest: One cannot be read, or says something wrong.
        """
        self.configs = wanted_models(config)
        self._config = config
        self._problem = ""

    def named(self) -> tuple[ModelConfig, ...]:
        """The models that the operator has named; none when the store is served."""
        return self.configs or ()

    async def follow(self, engine: Loading) -> None:
        """Look at the list again and again, and let *engine* serve what it says then.

        What cannot be read is logged once and changes nothing.
        """
        pause_s = self._config.model_config_file_poll_wait_seconds
        while self._config.model_config_file and pause_s > 0:
            await asyncio.sleep(pause_s)
            try:
                found = await asyncio.to_thread(wanted_models, self._config)
                if found != self.configs:
                    self.configs = found
                    logger.info("%s has changed", self._config.model_config_file)
                    await self.apply(engine)
            except EaselError as error:
                self._report(str(error))
            else:
                self._report("")

    async def apply(self, engine: Loading) -> None:
        """Let *engine* serve them; folders that are not there yet are waited for.

        Raises:
            EaselError: The store cannot be read.
        """
        await self.remark()
        await engine.load_all(self.configs)

    async def remark(self) -> None:
        """Log what somebody who waits for the models in vain should know."""
        for remark in await asyncio.to_thread(lambda: list(remarks(self.named()))):
            logger.warning("%s", remark)

    def _report(self, problem: str) -> None:
        if problem and problem != self._problem:
            logger.error("%s; what is loaded is served", problem)
        self._problem = problem


def remarks(configs: tuple[ModelConfig, ...]) -> Iterator[str]:
    """What somebody who waits for these models in vain should know; looks at the disk."""
    for config in configs:
        try:
            if not config.folder.is_dir():
                yield f"{config.name}: there is no folder {config.folder} yet; it is waited for"
            elif not config.model_folder.versions():
                yield (
                    f"{config.name}: there is no version in {config.folder} yet; a version is a "
                    f"folder named by its number, such as {config.folder}/1"
                )
        except OSError as error:
            yield f"{config.name}: {config.folder} cannot be read: {error}"


def _read(what: str, path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{what} {path} cannot be read: {error}") from error
