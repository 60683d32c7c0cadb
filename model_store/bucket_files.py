"""A bucket's objects as files with paths, and the few things that all services can do to them."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from model_store.errors import EaselError
from model_store.folder import MAX_TEXT_BYTES
from model_store.manifest import FileDigest
from model_store.mirror import list_names, open_url, words

_CHUNK_BYTES = 1024 * 1024
# Where a folder is no more than a part of names.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"}


@dataclass(frozen=True, slots=True)
class BucketFiles:
    """Everything below one URL.  Paths are relative to it.

    Attributes:
        url: As it may be shown.
        remote: fsspec's file system,
        root: and the path of the URL in it.
    """

    url: str
    remote: Any
    root: str

    @classmethod
    def at(cls, url: str) -> BucketFiles:
        """Open *url*; raises InvalidRequest."""
        return cls(*open_url(url))

    def list(self, path: str) -> dict[str, bool] | None:
        """What is in a folder, and whether it is a folder itself; None without such a folder."""
        with self._spoken(path):
            self.remote.invalidate_cache()
            try:
                return list_names(self.remote, f"{self.root}/{path}".rstrip("/") or "/")
            except FileNotFoundError:
                return None

    def find(self, path: str) -> tuple[str, ...]:
        """Every file below a folder, by its path from there."""
        with self._spoken(path):
            self.remote.invalidate_cache()
            place = self._path(path).rstrip("/")
            start = f"{place}/".lstrip("/")
            found = [str(each).lstrip("/") for each in self.remote.find(place)]
            return tuple(sorted(e.removeprefix(start) for e in found if e.startswith(start)))

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        with self._spoken(path):
            self.remote.invalidate_cache()
            return bool(self.remote.exists(self._path(path)))

    def read(self, path: str) -> bytes | None:
        """A small file's content; None if there is none."""
        with self._spoken(path):
            try:
                # One request: an opened file may be replaced before it is read.
                data: bytes = self.remote.cat_file(self._path(path))
            except FileNotFoundError:
                return None
        if len(data) > MAX_TEXT_BYTES:
            raise EaselError(f"{self.url}/{path} is longer than {MAX_TEXT_BYTES} bytes")
        return data

    def digest(self, path: str) -> FileDigest | None:
        """Hash a file of any length; None if there is none."""
        digest, size = hashlib.sha256(), 0
        with self._spoken(path):
            try:
                with self.remote.open(self._path(path), "rb") as file:
                    while chunk := file.read(_CHUNK_BYTES):
                        digest.update(chunk)
                        size += len(chunk)
            except FileNotFoundError:
                return None
        return FileDigest(digest.hexdigest(), size)

    def download(self, path: str, target: Path) -> None:
        """Copy a file to this machine."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._spoken(path):
            self.remote.get_file(self._path(path), str(target))

    def upload(self, source: Path, path: str) -> None:
        """Copy a file of this machine, and see that all of it is there."""
        with self._spoken(path):
            self._make_folder(path)
            self.remote.put_file(str(source), self._path(path))
            self.remote.invalidate_cache()
            if self.remote.info(self._path(path))["size"] != source.stat().st_size:
                raise EaselError(f"{self.url}/{path} has another length than what was sent")

    def create(self, path: str, data: bytes) -> bool:
        """Write a small file that is not there yet; False if it is."""
        with self._spoken(path):
            self.remote.invalidate_cache()
            # Some services pass over conditions; for them this is as good as it gets.
            if self.has(path):
                return False
            self._make_folder(path)
            return self._put(path, data, mode="create")

    def replace(self, path: str, data: bytes, before: bytes | None) -> bool:
        """Write a small file anew; False if its content is *before* no more.

        Where the service has no condition for that (only S3's is known here), somebody who
        writes at the same moment is overwritten.
        """
        if before is None:
            return self.create(path, data)
        with self._spoken(path):
            self.remote.invalidate_cache()
            condition = {}
            if "s3" in self._protocols():
                condition = {"IfMatch": self.remote.info(self._path(path))["ETag"]}
            if self.read(path) != before:
                return False
            return self._put(path, data, **condition)

    def delete(self, path: str) -> None:
        """Delete a file or a folder."""
        with self._spoken(path):
            self.remote.invalidate_cache()
            self.remote.rm(self._path(path), recursive=True)

    def age_s(self, path: str) -> float | None:
        """Seconds since a file was written; None where nobody knows."""
        with self._spoken(path):
            try:
                when: datetime = self.remote.modified(self._path(path))
            except NotImplementedError:
                return None
            aware = when if when.tzinfo else when.replace(tzinfo=UTC)
            return (datetime.now(UTC) - aware).total_seconds()

    def _put(self, path: str, data: bytes, **condition: str) -> bool:
        try:
            self.remote.pipe_file(self._path(path), data, **condition)
        except FileExistsError:
            return False
        except OSError as error:  # s3fs' number for a condition that does not hold
            if condition and error.errno == errno.EINVAL:
                return False
            raise
        return True

    def _path(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _protocols(self) -> set[str]:
        protocol = self.remote.protocol
        return {protocol} if isinstance(protocol, str) else set(protocol)

    def _make_folder(self, path: str) -> None:
        if not self._protocols() & _OBJECT_STORES:
            self.remote.makedirs(self._path(path).rpartition("/")[0], exist_ok=True)

    @contextmanager
    def _spoken(self, path: str) -> Iterator[None]:
        """Say in one sentence what went wrong where; every implementation has its own errors."""
        try:
            yield
        except EaselError:
            raise
        except Exception as error:
            raise EaselError(f"{self.url}/{path}: {words(error)}") from error
