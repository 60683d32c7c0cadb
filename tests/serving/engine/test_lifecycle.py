"""What is loaded follows the disk: versions come, move, go and fail under a running engine."""

from __future__ import annotations

import asyncio
import json
import shutil

import numpy as np
import pytest

from model_store.digests import digest_file
from model_store.errors import EaselError
from model_store.store import Store
from serving.api.calls import ModelRef, Prediction
from serving.engine.engine import Engine, Missing, State
from serving.engine.loading import MAX_ENDED, LifecycleOptions
from serving.engine.servable import LoadOptions
from tests.support import publish_linear

DOUBLE = ModelRef("double")
X = {"x": np.float32([[1, 2, 3]])}
ONE_LOOK = LifecycleOptions(poll_s=0, retry_interval_s=60, drain_s=5)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def engine(tmp_path, clock):
    """Over the store in *tmp_path*, with nothing loaded yet."""
    engine = Engine(Store(tmp_path), LoadOptions(), ONE_LOOK, clock)
    yield engine
    engine.close()


def label(root, **labels: int) -> None:
    written = root / "double" / "new.json"
    written.write_text(json.dumps({"labels": labels}))
    written.rename(root / "double" / "deployment.json")


def damage(root, number: int) -> None:
    (root / "double" / str(number) / "model.onnx").write_bytes(b"no graph")


def accept(root, number: int) -> None:
    """Write into the manifest the digests that the files have."""
    folder = root / "double" / str(number)
    manifest = json.loads((folder / "manifest.json").read_text())
    digest = digest_file(folder / "model.onnx")
    manifest["files"]["model.onnx"] = {"sha256": digest.sha256, "bytes": digest.bytes}
    (folder / "manifest.json").write_text(json.dumps(manifest))


async def factor(engine: Engine, ref: ModelRef = DOUBLE) -> float:
    """What the version that answers multiplies by."""
    servable = engine.find(ref)
    assert not isinstance(servable, Missing), servable
    answer = await engine.infer(servable, Prediction(ref, X), None)
    return float(answer.outputs["y"][0, 0])


def states(engine: Engine, name: str = "double") -> dict[int, State]:
    return {status.model.number: status.state for status in engine.statuses(name)}


async def ended(engine: Engine, number: int) -> None:
    """Wait until a version is unloaded."""
    async with asyncio.timeout(10):
        while states(engine)[number] is not State.END:
            await asyncio.sleep(0.01)


async def test_a_new_version_takes_over_and_the_old_one_ends(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    await engine.load_all()
    publish_linear(tmp_path, factor=3)
    await engine.look()
    assert await factor(engine) == 3
    assert states(engine)[2] is State.AVAILABLE
    await ended(engine, 1)
    assert engine.find(ModelRef("double", version=1)) is Missing.VERSION


async def test_models_come_and_go_with_their_folders(tmp_path, engine):
    publish_linear(tmp_path, "double")
    await engine.load_all()
    publish_linear(tmp_path, "triple", factor=3)
    await engine.look()
    assert engine.models() == ("double", "triple")
    assert await factor(engine, ModelRef("triple")) == 3
    shutil.rmtree(tmp_path / "double")
    await engine.look()
    assert engine.models() == ("triple",)
    assert engine.find(DOUBLE) is Missing.MODEL
    await ended(engine, 1)
    assert engine.is_ready


async def test_labels_move_while_both_versions_serve(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    publish_linear(tmp_path, factor=3)
    label(tmp_path, stable=1, canary=2)
    await engine.load_all()
    assert await factor(engine) == 2
    label(tmp_path, stable=2, old=1)
    await engine.look()
    assert await factor(engine) == 3
    assert await factor(engine, ModelRef("double", label="old")) == 2
    assert engine.find(ModelRef("double", label="canary")) is Missing.LABEL


async def test_a_label_keeps_its_version_while_the_next_is_not_available(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    publish_linear(tmp_path, factor=3)
    label(tmp_path, stable=1)
    await engine.load_all()
    label(tmp_path, stable=9)
    await engine.look()
    assert await factor(engine, ModelRef("double", label="stable")) == 2
    assert engine.problems() == {
        "double": "Request to assign label to version 9 of model double, "
        "which is not currently available for inference"
    }
    label(tmp_path, stable=2)
    await engine.look()
    assert await factor(engine, ModelRef("double", label="stable")) == 3
    assert engine.problems() == {}


async def test_a_damaged_label_file_changes_nothing_and_is_told(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    publish_linear(tmp_path, factor=3)
    label(tmp_path, stable=1)
    await engine.load_all()
    (tmp_path / "double" / "deployment.json").write_text("{")
    await engine.look()
    assert await factor(engine) == 2
    assert "deployment.json cannot be read" in engine.problems()["double"]


async def test_a_bad_new_version_leaves_the_old_one_serving_and_the_server_ready(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    await engine.load_all()
    publish_linear(tmp_path, factor=3)
    damage(tmp_path, 2)
    await engine.look()
    assert await factor(engine) == 2
    assert states(engine) == {1: State.AVAILABLE, 2: State.END}
    assert "was altered" in engine.statuses("double")[1].error
    assert engine.is_ready
    assert engine.load_counts()["double"].failed_loads == 1


async def test_a_failed_load_is_tried_again_so_often_and_no_more(tmp_path, engine, clock):
    publish_linear(tmp_path)
    damage(tmp_path, 1)
    await engine.load_all()
    for attempt in range(1, 7):
        await engine.look()  # too early
        assert engine.load_counts()["double"].failed_loads == attempt
        clock.now += 60
        await engine.look()
    clock.now += 1e9
    await engine.look()
    assert engine.load_counts()["double"].failed_loads == 6
    assert not engine.is_ready


async def test_a_bad_version_that_is_mended_is_loaded_at_the_next_look(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    publish_linear(tmp_path, factor=3)
    graph = (tmp_path / "double" / "2" / "model.onnx").read_bytes()
    damage(tmp_path, 2)
    await engine.load_all()
    assert await factor(engine) == 2
    (tmp_path / "double" / "2" / "model.onnx").write_bytes(graph)
    await engine.look()
    assert await factor(engine) == 3


async def test_a_version_deleted_under_the_server_goes_on_serving(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    await engine.load_all()
    shutil.rmtree(tmp_path / "double" / "1")
    await engine.look()
    assert await factor(engine) == 2
    assert engine.is_ready


async def test_another_version_under_the_same_number_is_loaded_in_its_place(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    await engine.load_all()
    shutil.rmtree(tmp_path / "double")
    publish_linear(tmp_path, factor=3)  # it begins at 1 again
    await engine.look()
    assert await factor(engine) == 3
    assert states(engine) == {1: State.AVAILABLE}


async def test_a_bad_version_under_the_same_number_leaves_the_old_one_serving(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    await engine.load_all()
    shutil.rmtree(tmp_path / "double")
    publish_linear(tmp_path, factor=3)
    damage(tmp_path, 1)
    await engine.look()
    await engine.look()
    assert await factor(engine) == 2
    assert engine.is_ready


async def test_deleting_the_newest_version_rolls_back_to_the_one_before(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    publish_linear(tmp_path, factor=3)
    await engine.load_all()
    shutil.rmtree(tmp_path / "double" / "2")
    await engine.look()
    assert await factor(engine) == 2


@pytest.mark.parametrize("is_mounted", [True, False])
async def test_a_store_that_vanishes_and_comes_back_changes_nothing(tmp_path, clock, is_mounted):
    root = tmp_path / "models"
    publish_linear(root, factor=2)
    engine = Engine(Store(root), LoadOptions(), ONE_LOOK, clock)
    await engine.load_all()
    root.rename(tmp_path / "away")
    if is_mounted:  # as an empty folder
        root.mkdir()
    with pytest.raises(EaselError, match="no model"):
        await engine.look()
    assert await factor(engine) == 2
    assert engine.is_ready
    if is_mounted:
        root.rmdir()
    (tmp_path / "away").rename(root)
    publish_linear(root, factor=3)
    await engine.look()
    assert await factor(engine) == 3
    engine.close()


async def test_a_half_published_version_is_passed_over(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    await engine.load_all()
    for name in (".publishing-abc", "2"):
        shutil.copytree(tmp_path / "double" / "1", tmp_path / "double" / name)
    (tmp_path / "double" / "2" / "manifest.json").unlink()
    await engine.look()
    assert states(engine) == {1: State.AVAILABLE}


async def test_versions_that_ended_are_shown_but_not_for_ever(tmp_path, engine):
    publish_linear(tmp_path)
    await engine.load_all()
    for _ in range(MAX_ENDED + 3):
        publish_linear(tmp_path)
        await engine.look()
        await ended(engine, len(Store(tmp_path).versions("double")) - 1)
    assert len(states(engine)) == MAX_ENDED + 1
    assert engine.load_counts()["double"].swaps == MAX_ENDED + 3


async def test_calls_in_flight_hold_their_version(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    await engine.load_all()
    held = engine.find(DOUBLE)
    publish_linear(tmp_path, factor=3)
    await engine.look()
    answer = await engine.infer(held, Prediction(DOUBLE, X), None)
    assert answer.outputs["y"][0, 0] == 2
    assert states(engine)[1] is State.UNLOADING
    del held, answer
    await ended(engine, 1)
    assert engine.load_counts()["double"].forced_unloads == 0


async def test_a_call_that_never_ends_holds_its_version_no_longer_than_the_deadline(tmp_path):
    publish_linear(tmp_path, factor=2)
    engine = Engine(Store(tmp_path), LoadOptions(), LifecycleOptions(poll_s=0, drain_s=0.05))
    await engine.load_all()
    held = engine.find(DOUBLE)
    publish_linear(tmp_path, factor=3)
    await engine.look()
    await ended(engine, 1)
    assert engine.load_counts()["double"].forced_unloads == 1
    assert held.model.number == 1
    engine.close()


async def test_a_version_that_comes_back_while_it_drains_is_served_again(tmp_path, engine):
    publish_linear(tmp_path, factor=2)
    await engine.load_all()
    held = engine.find(DOUBLE)
    publish_linear(tmp_path, factor=3)
    await engine.look()
    shutil.rmtree(tmp_path / "double" / "2")
    await engine.look()
    assert await factor(engine) == 2
    del held
    await ended(engine, 2)
    assert states(engine)[1] is State.AVAILABLE


async def test_the_watch_loads_what_is_published_without_being_asked(tmp_path):
    publish_linear(tmp_path, factor=2)
    # Far too long to wait for: it is the system that tells.
    engine = Engine(Store(tmp_path), LoadOptions(), LifecycleOptions(poll_s=3600))
    await engine.load_all()
    watching = asyncio.create_task(engine.watch())
    async with asyncio.timeout(20):
        for number in (2, 3):
            publish_linear(tmp_path, factor=number)
            while await factor(engine) != number:
                await asyncio.sleep(0.01)
    watching.cancel()
    engine.close()
