"""The store, and the key, that a command is told of.

What only some of them need is imported when they do.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import cast

from model_store.digests import SIGNATURE_FILE
from model_store.errors import InvalidRequest, ServableNotFound
from model_store.ports import ModelStore
from model_store.store import Seal, Store


def open_store(place: str) -> ModelStore:
    """The store at *place*, which need not be there yet.

    ``file://`` is a folder of this machine, which can do more than a bucket: a version
    appears by one rename, and changes wait for each other.

    Raises:
        InvalidRequest: There is no file system for such a URL, or a package is missing.
    """
    if place.startswith("file://"):
        return Store(Path(place.removeprefix("file://")))
    if "://" not in place:
        return Store(Path(place))
    try:
        module = import_module("model_store.bucket")
    except ModuleNotFoundError as error:
        raise InvalidRequest(
            "a store at a URL needs fsspec; run: pip install 'easel[bucket]'"
        ) from error
    return cast("ModelStore", module.open_bucket(place))


def open_seal(key: Path) -> Seal:
    """What signs a version's folder with a private key, for ``Store.publishing``.

    Raises:
        InvalidRequest: It is no such key, or a package is missing.
    """
    sign = open_signer(key)
    return lambda folder: sign(folder, folder / SIGNATURE_FILE)


def open_signer(key: Path) -> Callable[[Path, Path], None]:
    """What signs a version's folder with a private key, into a file.

    Raises:
        InvalidRequest: It is no such key, or a package is missing.
    """
    return cast("Callable[[Path, Path], None]", _signing().signer(key))


def open_verifier(key: Path) -> Callable[[Path], None]:
    """What checks the signature in a version's folder, and raises BadVersion.

    Raises:
        InvalidRequest: It is no public key, or a package is missing.
    """
    return cast("Callable[[Path], None]", _signing().verifier(key))


def _signing() -> ModuleType:
    try:
        return import_module("model_store.signing")
    except ModuleNotFoundError as error:
        raise InvalidRequest(
            "signatures need model-signing; run: pip install 'easel[signing]'"
        ) from error


def find_model(store: ModelStore, name: str) -> tuple[int, ...]:
    """A model's version numbers, ascending.

    Raises:
        ServableNotFound: There is no such store, or no such model in it.
        InvalidRequest: Nothing can have this name.
    """
    versions = store.versions(name)
    if not versions:
        there = ", ".join(store.models()) or "none"
        raise ServableNotFound(f"there is no model {name!r} in {store}; there are: {there}")
    return versions
