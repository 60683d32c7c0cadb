"""Makes a local folder equal to a store in a bucket, again and again.

The only module that knows fsspec; the server imports it when its store is a URL.  What it
leaves in the folder is an ordinary store: versions appear whole, by one rename, after
their digests were checked, and what they replace is removed after them.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.registry import known_implementations

from model_store.atomic import sync as sync_folder
from model_store.atomic import write
from model_store.copying import alone, check_names, claim, clean, is_here, remove, workspace
from model_store.deployment import DEPLOYMENT_FILE
from model_store.digests import SIGNATURE_FILE
from model_store.errors import BadVersion, Cancelled, EaselError, InvalidRequest
from model_store.folder import MAX_TEXT_BYTES, ModelFolder
from model_store.manifest import MANIFEST_FILE, FileDigest
from model_store.spec import VERSION_NAME
from model_store.store import Store, is_name

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mirror:
    """A bucket and the folder that follows it.  Holds no state: every call looks at both.

    Attributes:
        url: The bucket, as it may be shown.
        folder: Where the copy is.
        remote: fsspec's file system,
        root: and the store's path in it.
    """

    url: str
    folder: Path
    remote: Any
    root: str

    def claim(self) -> None:
        """Make the folder this mirror's; see ``copying.claim``."""
        claim(self.folder, self.url)

    def look(self) -> Mapping[str, int]:
        """How many version folders each model has in the bucket; changes nothing.

        Raises:
            EaselError: The bucket cannot be listed.
        """
        try:
            self.remote.invalidate_cache()
            return {name: len(_versions_in(self._list(name))) for name in self._models()}
        except Exception as error:  # every implementation has errors of its own
            raise EaselError(f"{self.url} cannot be listed: {words(error)}") from error

    def sync(self, stop: threading.Event) -> tuple[str, ...]:
        """Make the folder equal to the bucket, once; a failure leaves what is there.

        Processes with the same folder take turns.

        Args:
            stop: Ends a download early when it is set.

        Returns:
            What could not be followed, and why; the same words for the same failure.
        """
        try:
            self.claim()
            with alone(self.folder, stop):
                clean(self.folder)
                self.remote.invalidate_cache()
                there, here = self._models(), set(Store(self.folder).models())
                if here and not there:
                    return (f"{self.url} has no model left; nothing is deleted here",)
                return tuple(
                    problem
                    for name in sorted(there | here)
                    for problem in self._attempt(name, stop, is_listed=name in there)
                )
        except Exception as error:  # every implementation has errors of its own
            return (f"{self.url} cannot be mirrored: {words(error)}",)

    def _attempt(self, name: str, stop: threading.Event, *, is_listed: bool) -> tuple[str, ...]:
        """Follow one model; its failure keeps no other from being followed."""
        try:
            return tuple(self._follow(name, stop, is_listed=is_listed))
        except Exception as error:  # as above
            return (f"{self.url}/{name} cannot be mirrored to {self.folder}: {words(error)}",)

    def _follow(self, name: str, stop: threading.Event, *, is_listed: bool) -> Iterator[str]:
        home = ModelFolder(name, self.folder / name)
        try:
            listing = self._list(name)
        except FileNotFoundError:
            if is_listed:  # the bucket contradicts itself
                raise
            remove(home.path, self.folder)
            return
        found = dict(self._manifests(name, listing))
        if not found:
            if home.versions():
                yield f"{self.url}/{name} has no version left; nothing is deleted here"
            return
        is_complete = True
        for problem in self._bring(home, listing, found, stop):
            is_complete = False
            yield problem
        # Last, and only then: what is live may be what a failed version was to replace.
        if is_complete:
            for number in set(home.versions()) - found.keys():
                remove(home.folder(number), home.path)
            if DEPLOYMENT_FILE not in listing:
                (home.path / DEPLOYMENT_FILE).unlink(missing_ok=True)

    def _bring(
        self,
        home: ModelFolder,
        listing: Mapping[str, bool],
        found: Mapping[int, bytes],
        stop: threading.Event,
    ) -> Iterator[str]:
        """Versions, the newest first, then the labels; yields what is wrong with them."""
        for number, manifest in found.items():
            try:
                if not is_here(home.folder(number), manifest):
                    self._fetch(home, number, manifest, stop)
            except BadVersion as error:
                yield f"{self.url}/{home.name}/{number} is not taken: {error}"
        if DEPLOYMENT_FILE in listing:
            try:
                self._fetch_deployment(home)
            except BadVersion as error:
                yield f"{self.url}/{home.name}/{DEPLOYMENT_FILE} is not taken: {error}"

    def _fetch(
        self, home: ModelFolder, number: int, manifest: bytes, stop: threading.Event
    ) -> None:
        with workspace(home.path) as work:
            folder = work / str(number)
            folder.mkdir()
            write(folder / MANIFEST_FILE, manifest)
            files = ModelFolder(home.name, work).manifest(number).files
            check_names(files)
            for name, want in files.items():
                path = f"{self.root}/{home.name}/{number}/{name}"
                self._download(path, folder / name, want, stop)
            with suppress(FileNotFoundError):  # not every version is signed
                signature = self._read(f"{home.name}/{number}/{SIGNATURE_FILE}")
                write(folder / SIGNATURE_FILE, signature)
            place = home.path / str(number)
            if place.exists():  # damaged here, or another one under the same number
                place.rename(work / "replaced")
            folder.rename(place)
            sync_folder(home.path)

    def _download(self, path: str, target: Path, want: FileDigest, stop: threading.Event) -> None:
        try:
            info = self.remote.info(path)
        except FileNotFoundError as error:
            raise BadVersion(f"{target.name} is missing") from error
        if info.get("islink") or info["type"] != "file":
            raise BadVersion(f"{target.name} is a link or a folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with self.remote.open(path, "rb") as source, target.open("xb") as file:
            # A file that grew without end is not read to its end.
            while size <= want.bytes and (chunk := source.read(_CHUNK_BYTES)):
                if stop.is_set():
                    raise Cancelled("told to stop")
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if FileDigest(digest.hexdigest(), size) != want:
            raise BadVersion(f"{target.name} is truncated or altered; its SHA-256 is another")

    def _fetch_deployment(self, home: ModelFolder) -> None:
        text = self._read(f"{home.name}/{DEPLOYMENT_FILE}")
        place = home.path / DEPLOYMENT_FILE
        if place.exists() and place.read_bytes() == text:
            return
        with workspace(home.path) as work:
            written = work / DEPLOYMENT_FILE
            write(written, text)
            labels = ModelFolder(home.name, work).version_labels()
            if missing := set(labels.values()) - set(home.versions()):
                raise BadVersion(f"it names version {min(missing)}, which is not here")
            written.replace(place)
            sync_folder(home.path)

    def _models(self) -> set[str]:
        return {name for name, is_folder in self._list("").items() if is_folder and is_name(name)}

    def _manifests(self, name: str, listing: Mapping[str, bool]) -> Iterator[tuple[int, bytes]]:
        """Of each version, the newest first; a folder without manifest is not one yet."""
        for number in _versions_in(listing):
            with suppress(FileNotFoundError):
                yield number, self._read(f"{name}/{number}/{MANIFEST_FILE}")

    def _list(self, name: str) -> dict[str, bool]:
        """What is in a folder of the bucket, and whether it is a folder itself."""
        return list_names(self.remote, f"{self.root}/{name}".rstrip("/") or "/")

    def _read(self, name: str) -> bytes:
        # Not cat_file: asked for more than there is, some servers refuse all of it.
        with self.remote.open(f"{self.root}/{name}", "rb") as file:
            data: bytes = file.read(MAX_TEXT_BYTES + 1)
        return data


def open_mirror(url: str, folder: Path) -> Mirror:
    """The mirror of *url* in *folder*; nothing is read or written yet.

    Raises:
        InvalidRequest: There is no file system for such a URL, or a package is missing.
    """
    shown, remote, root = open_url(url)
    return Mirror(shown, folder, remote, root)


def open_url(url: str) -> tuple[str, Any, str]:
    """A URL as it may be shown, fsspec's file system for it, and the path in that.

    Raises:
        InvalidRequest: There is no file system for such a URL, or a package is missing.
    """
    shown = re.sub(r"//[^/@]*@", "//", url)  # without name and password
    protocol = url.partition("://")[0].rpartition("::")[2]
    try:
        remote, root = url_to_fs(url)
    except ImportError as error:
        package = known_implementations.get(protocol, {}).get("class", "").partition(".")[0]
        package = f"fsspec[{protocol}]" if package == "fsspec" else package
        remedy = f"; run: pip install '{package}'" if package else ""
        raise InvalidRequest(f"{shown} cannot be opened: {error}{remedy}") from error
    except Exception as error:  # every implementation has errors of its own
        raise InvalidRequest(f"{shown} cannot be opened: {words(error)}") from error
    return shown, remote, str(root).rstrip("/")


def list_names(remote: Any, path: str) -> dict[str, bool]:
    """What is in a folder, and whether it is a folder itself."""
    found = {
        entry["name"].rstrip("/"): entry["type"] == "directory"
        for entry in remote.ls(path, detail=True)
    }
    # Some buckets list an empty object that stands for the folder.
    return {each.rpartition("/")[2]: kind for each, kind in found.items() if each != path}


def _versions_in(listing: Mapping[str, bool]) -> list[int]:
    """Numbers of the version folders, descending."""
    found = [int(name) for name in listing if listing[name] and VERSION_NAME.fullmatch(name)]
    return sorted(found, reverse=True)


def words(error: Exception) -> str:
    """What went wrong, in words."""
    # Some of a bucket's own errors are a bare path, or say nothing at all.
    return str(error) if isinstance(error, EaselError) else f"{type(error).__name__}: {error}"
