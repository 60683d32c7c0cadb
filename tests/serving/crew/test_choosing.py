"""How many processes are chosen, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.config import ServerConfig
from serving.crew.choosing import QUICK_BYTES, SMALL_BYTES, choose_workers
from serving.engine.machine import Machine
from tests.support import BUNDLED_STORE, publish_linear

FOUR = Machine(4, 4, None, 8 << 30)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    publish_linear(tmp_path)
    return tmp_path


def make_large(store: Path, name: str, size: int) -> None:
    """Add a version whose file has *size* bytes, all of them holes."""
    folder = store / name / "1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    with (folder / "model.onnx").open("wb") as file:
        file.truncate(size)


def chosen(store: Path | str, machine: Machine = FOUR, **settings) -> tuple[int, str]:
    found = choose_workers(ServerConfig(store=str(store), **settings), machine)
    return found.workers, found.reason


def test_a_quick_model_gets_a_process_for_each_core():
    for cores in (2, 3, 4):
        machine = Machine(8, cores)
        assert chosen(BUNDLED_STORE, machine)[0] == cores


def test_more_than_four_have_to_be_asked_for(store):
    assert chosen(store, Machine(64, 64))[0] == 4
    assert chosen(store, Machine(64, 64), workers=16) == (16, "workers is set to 16.")


def test_a_quota_counts_as_cores_do(store):
    assert chosen(store, Machine(64, 64, 2.5))[0] == 2
    assert chosen(store, Machine(64, 64, 1.5)) == (1, "One process: there is one core.")


def test_memory_limits_them(store):
    assert chosen(store, Machine(4, 4, None, 768 << 20))[0] == 2
    workers, why = chosen(store, Machine(4, 4, None, 300 << 20))
    assert (workers, "memory" in why) == (1, True)


def test_slow_models_alone_are_served_by_one_process(tmp_path):
    make_large(tmp_path, "large", QUICK_BYTES + 1)
    workers, why = chosen(tmp_path)
    assert (workers, "keep the cores busy" in why) == (1, True)


def test_a_slow_model_beside_a_quick_one_matters_only_for_its_memory(store):
    make_large(store, "large", SMALL_BYTES // 2)
    assert chosen(store)[0] == 4
    make_large(store, "another", SMALL_BYTES // 2)
    workers, why = chosen(store)
    assert (workers, "64 MiB of models are too large" in why) == (1, True)


def test_tensorflow_is_not_in_memory_several_times(store):
    make_large(store, "saved", 10)
    (store / "saved" / "1" / "saved_model.pb").touch()
    assert chosen(store)[0] == 1


def test_what_is_not_loaded_does_not_count(store):
    with (store / "double" / "1" / "golden.npz").open("wb") as file:
        file.truncate(2 * SMALL_BYTES)
    assert chosen(store)[0] == 4


def test_models_that_flags_name_count_in_the_stores_place(store, tmp_path):
    make_large(tmp_path / "others", "large", QUICK_BYTES + 1)
    assert chosen(store, model_base_path=str(tmp_path / "others" / "large"))[0] == 1
    assert chosen(tmp_path / "others", model_base_path=str(store / "double"))[0] == 4


@pytest.mark.parametrize("where", ["empty", "nowhere"])
def test_without_models_to_choose_by_there_is_one(tmp_path, where):
    (tmp_path / "empty").mkdir()
    workers, why = chosen(tmp_path / where)
    assert (workers, "no model yet" in why) == (1, True)


@pytest.mark.parametrize("setting", ["lanes", "intra_op_threads"])
def test_who_sets_threads_sets_them_for_one_process(store, setting):
    assert chosen(store, **{setting: 1})[0] == 1
