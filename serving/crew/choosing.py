"""How many processes share the ports where nobody has said, and why.

One process is one thread from the socket to the model: with a model that is quick it leaves
the other cores idle, and a process for each core answers half as many calls again.  Models
that are slow keep the cores busy from one process, and several processes would have their
weights several times.  The figures are in ``benchmarks/README.md``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_store.errors import EaselError
from model_store.store import Store
from serving.config import ServerConfig
from serving.engine.deployment import ModelConfig, store_config, wanted_versions
from serving.engine.machine import Machine
from serving.engine.threads import usable_cores
from serving.mirroring import local_store
from serving.wanted import wanted_models

# A model whose files are up to this long is quick: a call of `numbers` (0.2 MiB) is 0.05 ms, of a small MobileNet
# (2 MiB) 1 ms, of MobileNetV2 (14 MiB) 4 ms.
QUICK_BYTES = 1 << 20
# What all models may have together, to be in memory several times.
SMALL_BYTES = 64 << 20
# More have to be asked for: each is memory and a start, whether anybody calls or not.
_MOST = 4
# One process without models, its supervisor's part included; all may take half the memory.
_PROCESS_BYTES = 128 << 20
# In a version's folder, and not loaded.
_BESIDE = frozenset({"manifest.json", "golden.npz", "parity.json", "parity.html", "labels.txt"})


@dataclass(frozen=True, slots=True)
class Count:
    """How many processes serve, and why it is that many, for a person."""

    workers: int
    reason: str


def choose_workers(config: ServerConfig, machine: Machine) -> Count:
    """The operator's number, or what the machine and the models make sensible; reads the disk."""
    if config.workers > 0:
        return Count(config.workers, f"workers is set to {config.workers}.")
    one = _why_one(config, machine)
    if one:
        return Count(1, f"One process: {one}.")
    cores, _ = usable_cores(machine)
    try:
        sizes = list(_sizes(config))
    except (EaselError, OSError):  # whoever serves says what is wrong
        sizes = []
    if not sizes:
        return Count(1, "One process: there is no model yet by which to choose.")
    in_all = sum(sizes)
    if min(sizes) > QUICK_BYTES or in_all > SMALL_BYTES:
        return Count(1, f"One process: {_why_large(sizes)}.")
    workers = min(cores, _MOST)
    if machine.memory_bytes is not None:
        workers = min(workers, machine.memory_bytes // 2 // (_PROCESS_BYTES + in_all))
    if workers < 2:
        return Count(1, "One process: there is no memory for more.")
    return Count(
        workers,
        f"{workers} processes share the ports: some model's calls are quick, and one process "
        "would leave cores idle between them. --workers 1 saves memory.",
    )


def _why_large(sizes: Sequence[int]) -> str:
    if sum(sizes) > SMALL_BYTES:
        return f"{_size(sum(sizes))} of models are too large to be in memory several times"
    return f"no model has less than {_size(QUICK_BYTES)}, so that runs keep the cores busy"


def _size(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"


def _why_one(config: ServerConfig, machine: Machine) -> str:
    """What of machine and settings speaks for one process, whatever is served."""
    if sys.platform != "linux":  # elsewhere the system does not spread the connections
        return "several can share a port on Linux only"
    if usable_cores(machine)[0] == 1:
        return "there is one core"
    if config.lanes or config.intra_op_threads:
        return "lanes and intra_op_threads are set for one"
    try:
        tempfile.gettempdir()
    except OSError:
        return "several need a folder for temporary files"
    return ""


def _sizes(config: ServerConfig) -> Iterator[int]:
    """Bytes of each version that would be loaded, by now."""
    for each in _configs(config):
        for number in wanted_versions(each, each.model_folder.versions()):
            yield _bytes(each.model_folder.folder(number))


def _configs(config: ServerConfig) -> tuple[ModelConfig, ...]:
    named = wanted_models(config)
    if named is not None:
        return named
    store = Store(local_store(config))
    return tuple(store_config(store, name) for name in store.models())


def _bytes(folder: Path) -> int:
    """What is loaded of a version; a SavedModel has a process of its own, with TensorFlow."""
    if (folder / "saved_model.pb").exists():
        return SMALL_BYTES + 1
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.name not in _BESIDE and path.is_file()
    )
