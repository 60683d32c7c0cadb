"""What goes on while a version loads, which can take minutes."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model_store.store import Store
from serving.engine.deployment import ModelConfig
from serving.engine.fleet import Fleet
from serving.engine.limits import BatchLimits
from serving.engine.loading import LifecycleOptions, Workshop
from serving.engine.servable import LoadOptions, Servable, load
from serving.engine.status import State
from tests.support import publish_linear


class Gate:
    """A loader that waits to be let through, for the versions it is told to stop."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.stops: set[tuple[str, int]] = set()
        self.opened = threading.Event()
        self.reached = threading.Event()
        self._executor = executor

    def __call__(self, config: ModelConfig, number: int) -> Servable:
        if (config.name, number) in self.stops:
            self.reached.set()
            assert self.opened.wait(20)
        options = LoadOptions(limits=BatchLimits())
        return load(config.model_folder, number, options, self._executor)


@pytest.fixture
def gate():
    with ThreadPoolExecutor(1) as executor:
        yield Gate(executor)


@pytest.fixture
async def fleet(tmp_path, gate):
    with ThreadPoolExecutor(1) as loader:
        options = LifecycleOptions(poll_s=0.02, drain_s=5)
        fleet = Fleet(Store(tmp_path), Workshop(gate, loader, options, time.monotonic))
        yield fleet
        gate.opened.set()
        await fleet.settled()
        fleet.close()


def label(root: Path, name: str, **labels: int) -> None:
    (root / name / "new.json").write_text(json.dumps({"labels": labels}))
    (root / name / "new.json").rename(root / name / "deployment.json")


async def look(fleet: Fleet) -> None:
    await fleet.sync()
    await fleet.settled()


async def until_reached(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.reached.wait, 20)


def states(fleet: Fleet, name: str) -> dict[int, State]:
    return {each.model.number: each.state for each in fleet.models[name].loads.statuses()}


async def test_a_model_that_loads_first_is_shown_so_and_not_as_tried(tmp_path, fleet, gate):
    publish_linear(tmp_path, "double")
    publish_linear(tmp_path, "double")
    label(tmp_path, "double", stable=1)
    gate.stops = {("double", 2)}
    await fleet.sync()
    await until_reached(gate)
    assert states(fleet, "double") == {1: State.START, 2: State.LOADING}
    assert not fleet.models["double"].has_tried
    gate.opened.set()
    await fleet.settled()
    assert states(fleet, "double") == {1: State.AVAILABLE, 2: State.AVAILABLE}


async def test_the_old_version_is_live_while_the_new_one_loads(tmp_path, fleet, gate):
    publish_linear(tmp_path, "double")
    await look(fleet)
    publish_linear(tmp_path, "double")
    gate.stops = {("double", 2)}
    await fleet.sync()
    await until_reached(gate)
    assert fleet.models["double"].live.default.model.number == 1
    assert states(fleet, "double") == {1: State.AVAILABLE, 2: State.LOADING}


async def test_labels_of_other_models_move_while_one_loads(tmp_path, fleet, gate):
    for name in ("slow", "double", "double"):
        publish_linear(tmp_path, name)
    label(tmp_path, "double", stable=1, canary=2)
    await look(fleet)
    publish_linear(tmp_path, "slow")
    label(tmp_path, "double", stable=2, canary=1)
    gate.stops = {("slow", 2)}
    await fleet.sync()
    await until_reached(gate)
    await fleet.models["double"].settled()
    assert fleet.models["double"].live.default.model.number == 2
    assert states(fleet, "slow") == {1: State.AVAILABLE, 2: State.LOADING}


async def test_a_model_unloaded_while_it_loads_does_not_come_back(tmp_path, fleet, gate):
    publish_linear(tmp_path, "double")
    gate.stops = {("double", 1)}
    await fleet.sync()
    await until_reached(gate)
    fleet.unload("double")
    gate.opened.set()
    await fleet.settled()
    assert fleet.models["double"].live is None
    async with asyncio.timeout(10):
        while states(fleet, "double") != {1: State.END}:
            await asyncio.sleep(0.01)


async def test_what_changes_while_a_version_loads_is_seen_afterwards(tmp_path, fleet, gate):
    publish_linear(tmp_path, "double")
    gate.stops = {("double", 1)}
    await fleet.sync()
    await until_reached(gate)
    publish_linear(tmp_path, "double")
    await fleet.sync()
    gate.opened.set()
    await fleet.settled()
    assert fleet.models["double"].live.default.model.number == 2


async def test_a_folder_that_is_not_there_yet_is_found_by_looking(tmp_path, fleet):
    home = tmp_path / "not" / "yet"
    fleet.want([ModelConfig("late", home / "double", needs_manifest=False)])
    await look(fleet)
    assert fleet.models["late"].live is None
    watching = asyncio.create_task(fleet.watch())
    publish_linear(home)
    async with asyncio.timeout(20):
        while fleet.models["late"].live is None:
            await asyncio.sleep(0.01)
    watching.cancel()
