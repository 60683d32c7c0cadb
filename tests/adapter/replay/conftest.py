"""Two versions of numbers that differ, a real server of both, and a log of the first."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapter.app import create_app
from adapter.config import AdapterConfig, FeedbackConfig, Settings
from adapter.wiring import build_parts
from model_store.commands import promote
from model_store.digests import digest_folder
from model_store.manifest import MANIFEST_FILE
from model_store.spec import ModelVersion
from model_store.store import Store
from tests.support import BUNDLED_STORE, RunningServer, running_server


@dataclass(frozen=True, slots=True)
class Served:
    """A store with its server, and which picture got which id."""

    store: Path
    server: RunningServer
    log: Path
    digits: dict[str, str]


@pytest.fixture(scope="session")
def served(tmp_path_factory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("replay")
    store = root / "models"
    shutil.copytree(BUNDLED_STORE / "numbers", store / "numbers")
    publish_that_takes_4_for_9(Store(store))
    assert promote.main(["numbers", "1", "--store", str(store)]) == 0
    assert promote.main(["numbers", "2", "--store", str(store), "--label", "candidate"]) == 0
    with running_server(store) as server:
        digits = write_log(store, server.address, root / "log")
        yield Served(store, server, root / "log", digits)


def publish_that_takes_4_for_9(store: Store) -> None:
    """Version 2: the same graph, whose labels 4 and 9 have changed places."""
    first = ModelVersion("numbers", 1)
    manifest = store.manifest(first)
    with store.publishing("numbers") as (folder, finish):
        for path in store.folder(first).iterdir():
            if path.name != MANIFEST_FILE:
                shutil.copy(path, folder)
        names = (folder / "labels.txt").read_text("utf-8").splitlines()
        names[4], names[9] = names[9], names[4]
        (folder / "labels.txt").write_text("".join(f"{name}\n" for name in names), "utf-8")
        finish(lambda model: replace(manifest, model=model, files=digest_folder(folder)))


def write_log(store: Path, address: str, log: Path) -> dict[str, str]:
    """Ask the adapter about every golden picture, and correct some of its answers."""
    parts = build_parts(
        Settings(
            AdapterConfig(store=store, model_server=address),
            feedback=FeedbackConfig(log=str(log)),
        )
    )
    client = create_app(parts).test_client()
    digits = {}
    for picture in golden_pictures():
        answer = client.post("/api/numbers", data=picture, content_type="image/png")
        digits[answer.headers["X-Request-Id"]] = answer.get_json()["label"]
    fours = [request_id for request_id, label in digits.items() if label == "4"]
    ones = [request_id for request_id, label in digits.items() if label == "1"]
    for request_id, label in ((fours[0], "9"), (fours[1], "4"), (ones[0], "1"), (ones[1], "7")):
        said = client.post("/api/feedback", json={"request_id": request_id, "label": label})
        assert said.status_code == 200
    assert parts.recorder is not None
    parts.recorder.close()
    parts.server.close()
    return digits


def golden_pictures() -> list[bytes]:
    """The golden samples of numbers/1 as they were drawn: dark on light."""
    with np.load(BUNDLED_STORE / "numbers" / "1" / "golden.npz") as golden:
        tensors = golden["input:image"]
    pictures = []
    for tensor in tensors:
        file = io.BytesIO()
        Image.fromarray(255 - tensor[:, :, 0]).resize((112, 112)).save(file, "PNG")
        pictures.append(file.getvalue())
    return pictures
