"""A store in a bucket: what the commands and the exporter do to it, by way of fsspec.

A bucket has no rename, so a version is there when its manifest is: that is written last.
Numbers are given by claims, small objects that can be made only once where the service
knows of conditions (S3, Google Cloud Storage, Azure); a claim that a killed process has left
costs a number, until ``gc`` takes it away.  Imported when a URL is given, and not before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from model_store import manifest as manifests
from model_store.atomic import ABANDONED_S, UNFINISHED
from model_store.bucket_files import BucketFiles
from model_store.copying import check_names
from model_store.digests import SIGNATURE_FILE, verify_folder
from model_store.errors import BadVersion, DeploymentRefused, EaselError, ServableNotFound
from model_store.manifest import MANIFEST_FILE, Manifest
from model_store.spec import VERSION_NAME, ModelVersion
from model_store.store import HIGHEST_FILE, Publish, Seal, check_name, is_name, leave_open

_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class BucketStore:
    """Models in a bucket.  Holds no state: every call asks the bucket.

    Attributes:
        files: The bucket.
        abandoned_s: How old unfinished work must be before nobody is at work on it.
    """

    files: BucketFiles
    abandoned_s: float = ABANDONED_S

    def __str__(self) -> str:
        return self.files.url

    def place(self, model: ModelVersion) -> str:
        """Where a version is, for people."""
        return f"{self}/{model}"

    def homes(self) -> tuple[str, ...]:
        """Names of the folders that are, or were to be, a model's."""
        found = self.files.list("")
        if found is None:
            raise ServableNotFound(f"there is no model store at {self}")
        return tuple(sorted(name for name in found if found[name] and is_name(name)))

    def models(self) -> tuple[str, ...]:
        """Names of the models that have at least one version, in order."""
        return tuple(name for name in self.homes() if self.versions(name))

    def versions(self, name: str) -> tuple[int, ...]:
        """Published version numbers of a model, ascending; empty when it is unknown."""
        return tuple(n for n in self._numbers(name) if self._is_published(ModelVersion(name, n)))

    def manifest(self, model: ModelVersion) -> Manifest:
        """Read a version's manifest; see ``ModelFolder.manifest``."""
        check_name(model.name)
        data = self.read(f"{model}/{MANIFEST_FILE}")
        if data is None:
            raise ServableNotFound(f"no version {model} in {self}")
        try:
            found = manifests.decode(data.decode("utf-8"))
        except (BadVersion, ValueError) as error:
            raise BadVersion(f"{self}/{model}: {error}") from error
        if found.model != model:
            raise BadVersion(f"{self}/{model}/{MANIFEST_FILE} says it is {found.model}")
        return found

    def verify(self, model: ModelVersion) -> Manifest:
        """Read a version's manifest and check every file against it; reads all of it."""
        found = self.manifest(model)
        check_names(found.files)
        for name, want in found.files.items():
            if self.files.digest(f"{model}/{name}") != want:
                raise BadVersion(f"{self}/{model}: {name} is missing or altered")
        known = {*found.files, MANIFEST_FILE, SIGNATURE_FILE}
        for name in self.files.find(str(model)):
            if name not in known:
                raise BadVersion(f"{self}/{model}: {name} is not in the manifest; remove it")
        return found

    def read(self, path: str) -> bytes | None:
        """A small file's content; None if there is none."""
        return self.files.read(path)

    @contextmanager
    def at_hand(self, model: ModelVersion) -> Iterator[Path]:
        """A copy of the version on this machine, for as long as the block lasts."""
        manifest = self.read(f"{model}/{MANIFEST_FILE}") or b""
        files = self.manifest(model).files
        check_names(files)
        with tempfile.TemporaryDirectory() as desk:
            folder = Path(desk) / str(model.number)
            for name in files:
                self.files.download(f"{model}/{name}", folder / name)
            (folder / MANIFEST_FILE).write_bytes(manifest)
            signature = self.read(f"{model}/{SIGNATURE_FILE}")
            if signature is not None:
                (folder / SIGNATURE_FILE).write_bytes(signature)
            verify_folder(folder, files)
            yield folder

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:  # noqa: ARG002
        """Nothing: a bucket has no locks; ``replace`` notices who was faster."""
        yield

    def replace(self, path: str, data: bytes, before: bytes | None) -> bool:
        """Replace a small file; False if its content is *before* no more."""
        return self.files.replace(path, data, before)

    def append(self, path: str, line: bytes) -> None:
        """Add a line to a file of lines, which is written anew."""
        for _ in range(_ATTEMPTS):
            before = self.read(path)
            whole = (before or b"")[: (before or b"").rfind(b"\n") + 1]
            if line in whole.split(b"\n") or self.replace(path, whole + line + b"\n", before):
                return
        raise DeploymentRefused(f"{self}/{path} is changed by others all the time; try again")

    def unfinished(self, name: str) -> tuple[str, ...]:
        """Claims and folders without manifest that are so old that nobody is at work on them."""
        claims = [path for path in self.files.list(name) or {} if path.startswith(UNFINISHED)]
        claimed = {path.removeprefix(UNFINISHED) for path in claims}
        found = [path for path in claims if self._is_old(f"{name}/{path}")]
        for number in self._numbers(name):
            path = f"{name}/{number}"
            if self._is_published(ModelVersion(name, number)):
                continue
            is_left = str(number) not in claimed or f"{UNFINISHED}{number}" in found
            if is_left and all(self._is_old(f"{path}/{each}") for each in self.files.find(path)):
                found.append(str(number))
        return tuple(sorted(f"{name}/{each}" for each in found))

    def discard(self, path: str) -> None:
        """Delete what ``unfinished`` has found."""
        self.files.delete(path)

    def remove(self, model: ModelVersion) -> None:
        """Delete a version, its manifest first: without that it is none."""
        self._raise_highest(model)
        self.files.delete(f"{model}/{MANIFEST_FILE}")
        if self.files.find(str(model)):
            self.files.delete(str(model))

    @contextmanager
    def publishing(self, name: str, seal: Seal = leave_open) -> Iterator[tuple[Path, Publish]]:
        """A folder of this machine to fill, and what publishes it; see ``Store.publishing``."""
        check_name(name)
        with tempfile.TemporaryDirectory(prefix="easel-") as desk:
            folder = Path(desk) / name
            folder.mkdir()

            def publish(describe: Callable[[ModelVersion], Manifest]) -> ModelVersion:
                with self._claimed(name) as model:
                    text = manifests.encode(describe(model))
                    (folder / MANIFEST_FILE).write_text(text, encoding="utf-8")
                    seal(folder)
                    self._upload(folder, model)
                    self._raise_highest(model)
                    return model

            yield folder, publish

    def _upload(self, folder: Path, model: ModelVersion) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        try:
            for path in paths:
                name = path.relative_to(folder).as_posix()
                if name != MANIFEST_FILE:
                    self.files.upload(path, f"{model}/{name}")
            text = (folder / MANIFEST_FILE).read_bytes()
            if not self.files.create(f"{model}/{MANIFEST_FILE}", text):
                raise EaselError(f"{self}/{model} was published by somebody else; try again")
        except BaseException:
            with suppress(EaselError):
                if not self._is_published(model):
                    self.files.delete(str(model))
            raise

    @contextmanager
    def _claimed(self, name: str) -> Iterator[ModelVersion]:
        """A version that nobody else is publishing until the block ends."""
        for _ in range(_ATTEMPTS):
            model = ModelVersion(name, self._next_number(name))
            claim = f"{name}/{UNFINISHED}{model.number}"
            if not self.files.create(claim, f"{datetime.now(UTC).isoformat()}\n".encode()):
                continue
            try:
                # Whoever had the claim before us may have published meanwhile.
                if self.files.find(str(model)) or model.number <= self._highest(name):
                    continue
                yield model
                return
            finally:
                self.files.delete(claim)
        raise EaselError(f"{self}/{name}: others take every number; try again")

    def _next_number(self, name: str) -> int:
        listing: Mapping[str, bool] = self.files.list(name) or {}
        names = [each.removeprefix(UNFINISHED) for each in listing]
        taken = [int(each) for each in names if VERSION_NAME.fullmatch(each)]
        return max([*taken, self._highest(name)]) + 1

    def _highest(self, name: str) -> int:
        try:
            return int(self.read(f"{name}/{HIGHEST_FILE}") or b"0")
        except ValueError:
            return 0

    def _raise_highest(self, model: ModelVersion) -> None:
        """Have it known that the number was given, also when the version is deleted."""
        path = f"{model.name}/{HIGHEST_FILE}"
        for _ in range(_ATTEMPTS):
            before = self.read(path)
            is_known = self._highest(model.name) >= model.number
            if is_known or self.replace(path, f"{model.number}\n".encode(), before):
                return

    def _numbers(self, name: str) -> list[int]:
        """Of version folders, published or not, ascending."""
        listing = self.files.list(check_name(name)) or {}
        return sorted(int(e) for e, is_folder in listing.items() if is_folder and _is_number(e))

    def _is_published(self, model: ModelVersion) -> bool:
        return self.files.has(f"{model}/{MANIFEST_FILE}")

    def _is_old(self, path: str) -> bool:
        age_s = self.files.age_s(path)
        return age_s is not None and age_s > self.abandoned_s


def _is_number(name: str) -> bool:
    return VERSION_NAME.fullmatch(name) is not None


def open_bucket(url: str) -> BucketStore:
    """The store at *url*; nothing is read or written yet.

    Raises:
        InvalidRequest: There is no file system for such a URL, or a package is missing.
    """
    return BucketStore(BucketFiles.at(url))
