"""Which versions of which models are wanted, as data.

Made from the store, from TF Serving's flags and files, or by a reload request; the
engine's lifecycle makes what is loaded equal to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest *count* versions."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class All:
    """Every version that there is."""


@dataclass(frozen=True, slots=True)
class Specific:
    """These versions and no other."""

    versions: tuple[int, ...]


Policy = Latest | All | Specific


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model to serve.

    Attributes:
        name: What callers call it.
        folder: Holds a folder for each version, named by its number.
        policy: Which versions; those that a version label names are added.
        labels: Version labels; None for those of the folder's ``deployment.json``.
        needs_manifest: Whether versions without a manifest are refused, or are loaded as
            TF Serving and Triton would: unchecked, signatures from the graph.
    """

    name: str
    folder: Path
    policy: Policy = Latest()
    labels: Mapping[str, int] | None = None
    needs_manifest: bool = True


def wanted_versions(config: ModelConfig, found: tuple[int, ...]) -> tuple[int, ...]:
    """Of the versions *found* on disk, ascending, those that the policy wants, ascending."""
    match config.policy:
        case Latest(count):
            return found[-count:] if count > 0 else ()
        case All():
            return found
        case Specific(versions):
            return tuple(number for number in found if number in versions)
