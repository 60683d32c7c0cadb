"""Which models are served, as lists and callers change it under a running engine."""

from __future__ import annotations

import asyncio
import shutil

import numpy as np
import pytest

from model_store.errors import DeploymentRefused, InvalidRequest, ServableNotFound, ServableNotReady
from model_store.store import Store
from serving.api.calls import ModelRef, Prediction
from serving.engine.deployment import All, Latest, ModelConfig, Specific
from serving.engine.engine import Engine, Missing, State
from serving.engine.loading import LifecycleOptions
from serving.engine.servable import LoadOptions
from tests.support import publish_linear

DOUBLE = ModelRef("double")
X = {"x": np.float32([[1, 2, 3]])}


@pytest.fixture
async def engine(tmp_path):
    """Over a store with three versions of ``double``, which multiply by 1, 2 and 3."""
    for number in (1, 2, 3):
        publish_linear(tmp_path / "store", factor=number)
    engine = Engine(Store(tmp_path / "store"), LoadOptions(), LifecycleOptions(poll_s=0))
    await engine.load_all()
    yield engine
    engine.close()


def config(tmp_path, name: str = "double", home: str = "store", **more) -> ModelConfig:
    return ModelConfig(name, tmp_path / home / "double", **more)


async def factor(engine: Engine, ref: ModelRef = DOUBLE) -> float:
    servable = engine.find(ref)
    assert not isinstance(servable, Missing), servable
    answer = await engine.infer(servable, Prediction(ref, X), None)
    return float(answer.outputs["y"][0, 0])


def available(engine: Engine, name: str = "double") -> list[int]:
    """Which versions can be called."""
    return [n for n in range(1, 9) if not isinstance(engine.find(ModelRef(name, n)), Missing)]


@pytest.mark.parametrize(
    ("policy", "wanted"), [(Latest(1), [3]), (Latest(2), [2, 3]), (All(), [1, 2, 3]), (Specific((1, 2)), [1, 2])]
)  # fmt: skip
async def test_a_policy_says_which_versions_are_loaded(tmp_path, engine, policy, wanted):
    await engine.reconfigure([config(tmp_path, policy=policy)])
    assert available(engine) == wanted
    assert await factor(engine) == max(wanted)


async def test_a_list_takes_the_place_of_the_store_until_the_store_is_back(tmp_path, engine):
    publish_linear(tmp_path / "store", "triple", factor=3)
    publish_linear(tmp_path / "elsewhere", factor=7)
    await engine.reconfigure([config(tmp_path, "other", "elsewhere", needs_manifest=False)])
    assert engine.models() == ("other",)
    assert engine.find(DOUBLE) is Missing.MODEL
    assert await factor(engine, ModelRef("other")) == 7
    await engine.reconfigure(None)
    assert engine.models() == ("double", "triple")
    assert await factor(engine) == 3


async def test_another_folder_under_the_same_name_is_loaded_though_its_numbers_are_the_same(
    tmp_path, engine
):
    for _ in range(3):
        publish_linear(tmp_path / "elsewhere", factor=9)
    await engine.reconfigure([config(tmp_path, home="elsewhere")])
    assert await factor(engine, ModelRef("double", version=3)) == 9
    assert engine.statuses("double")[-1].state is State.AVAILABLE
    async with asyncio.timeout(10):
        while engine.load_counts()["double"].unloads == 0:
            await asyncio.sleep(0.01)
    assert engine.statuses("double")[-1].state is State.AVAILABLE


async def test_a_folder_with_nothing_good_in_it_leaves_the_former_one_serving(tmp_path, engine):
    publish_linear(tmp_path / "elsewhere", factor=9)
    (tmp_path / "elsewhere" / "double" / "1" / "model.onnx").unlink()
    with pytest.raises(DeploymentRefused, match=r"did not become available: .* is missing"):
        await engine.reconfigure([config(tmp_path, home="elsewhere")])
    assert await factor(engine) == 3


async def test_a_version_that_is_not_there_is_refused_and_what_was_live_serves(tmp_path, engine):
    with pytest.raises(DeploymentRefused, match=r"^{double, 9} did not become available: there is"):
        await engine.reconfigure([config(tmp_path, policy=Specific((9,)))])
    assert await factor(engine) == 3
    publish_linear(tmp_path / "store", factor=4)
    (tmp_path / "store" / "double" / "4").rename(tmp_path / "store" / "double" / "9")
    assert engine.is_ready


@pytest.mark.parametrize("names", [["double", "double"], ["double", "x", "double"]])
async def test_a_name_may_be_in_a_list_once(tmp_path, engine, names):
    with pytest.raises(InvalidRequest, match="named twice"):
        await engine.reconfigure([config(tmp_path, name) for name in names])
    assert await factor(engine) == 3


async def test_a_folder_that_is_not_there_refuses_the_whole_list(tmp_path, engine):
    absent = config(tmp_path, "other", "absent")
    with pytest.raises(DeploymentRefused, match="Could not find base path .* for servable other"):
        await engine.reconfigure([absent])
    assert await factor(engine) == 3


async def test_labels_of_a_list_win_over_those_of_the_folder(tmp_path, engine):
    (tmp_path / "store" / "double" / "deployment.json").write_text('{"labels": {"stable": 1}}')
    await engine.reconfigure([config(tmp_path, policy=All(), labels={"stable": 2, "old": 1})])
    assert await factor(engine) == 2
    assert engine.labels("double") == {"stable": 2, "old": 1}


async def test_a_label_for_a_version_that_is_not_available_is_refused(tmp_path, engine):
    await engine.reconfigure([config(tmp_path, labels={"canary": 2})])
    words = (
        "^Request to assign label to version 8 of model double, "
        "which is not currently available for inference$"
    )
    with pytest.raises(DeploymentRefused, match=words):
        await engine.reconfigure([config(tmp_path, labels={"canary": 8})])
    assert await factor(engine, ModelRef("double", label="canary")) == 2


async def test_a_model_that_was_unloaded_by_hand_stays_so_until_it_is_loaded(tmp_path, engine):
    await engine.unload_model("double")
    assert engine.find(DOUBLE) is Missing.MODEL
    assert engine.statuses("double")[-1].state is State.UNLOADING
    publish_linear(tmp_path / "store", factor=4)
    await engine.look()
    assert engine.find(DOUBLE) is Missing.MODEL
    assert engine.is_ready
    await engine.load_model("double")
    assert await factor(engine) == 4


async def test_a_model_that_appeared_can_be_loaded_without_waiting_for_a_look(tmp_path, engine):
    publish_linear(tmp_path / "store", "triple", factor=5)
    await engine.load_model("triple")
    assert await factor(engine, ModelRef("triple")) == 5


async def test_a_model_of_the_store_can_be_added_to_a_list(tmp_path, engine):
    publish_linear(tmp_path / "store", "triple", factor=5)
    await engine.reconfigure([config(tmp_path)])
    assert engine.models() == ("double",)
    await engine.load_model("triple")
    assert engine.models() == ("double", "triple")


@pytest.mark.parametrize("name", ["../elsewhere/double", "/etc", "", ".publishing-x"])
async def test_nothing_is_loaded_from_outside_the_store(tmp_path, engine, name):
    publish_linear(tmp_path / "elsewhere")
    with pytest.raises(InvalidRequest):
        await engine.load_model(name)
    assert engine.models() == ("double",)


async def test_models_that_are_not_there_can_be_neither_loaded_nor_unloaded(engine):
    with pytest.raises(ServableNotFound):
        await engine.load_model("nobody")
    with pytest.raises(ServableNotFound):
        await engine.unload_model("nobody")


async def test_a_load_by_hand_that_fails_says_why(tmp_path, engine):
    publish_linear(tmp_path / "store", "bad")
    (tmp_path / "store" / "bad" / "1" / "model.onnx").unlink()
    with pytest.raises(DeploymentRefused, match="is missing"):
        await engine.load_model("bad")


async def test_a_model_that_came_later_ends_readiness_only_when_it_has_failed(tmp_path, engine):
    publish_linear(tmp_path / "store", "bad")
    (tmp_path / "store" / "bad" / "1" / "model.onnx").unlink()
    await engine.look()
    assert not engine.is_ready
    shutil.rmtree(tmp_path / "store" / "bad")
    await engine.look()
    assert engine.is_ready


async def test_before_the_first_look_no_model_is_said_to_be_unknown(tmp_path):
    engine = Engine(Store(tmp_path), LoadOptions())
    with pytest.raises(ServableNotReady, match="double is not ready"):
        engine.statuses("double")
    engine.close()
