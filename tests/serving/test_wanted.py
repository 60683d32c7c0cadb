"""What TF Serving's flags and files ask to be served, as values."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import InvalidRequest
from serving.config import ServerConfig
from serving.engine.deployment import All, ModelConfig
from serving.engine.limits import BatchOverrides
from serving.services.tfs_config import MonitoringConfig
from serving.wanted import batching_of, limits_of, monitoring_of, remarks, wanted_models

ONE_MODEL = (
    'model_config_list { config { name: "a" base_path: "/m/a" model_version_policy { all {} } } }'
)


def write(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


def test_without_a_flag_it_is_the_store():
    assert wanted_models(ServerConfig(model_name="ignored")) is None


def test_a_base_path_is_one_model_whose_versions_need_no_manifest():
    found = wanted_models(ServerConfig(model_base_path="/models/half"))
    assert found == (ModelConfig("default", Path("/models/half"), needs_manifest=False),)
    named = wanted_models(ServerConfig(model_base_path="file:///models/half", model_name="half"))
    assert named == (ModelConfig("half", Path("/models/half"), needs_manifest=False),)


def test_a_list_wins_over_a_base_path(tmp_path):
    file = write(tmp_path / "models.config", ONE_MODEL)
    config = ServerConfig(model_config_file=file, model_base_path="relative", model_name="b")
    assert wanted_models(config) == (ModelConfig("a", Path("/m/a"), All(), needs_manifest=False),)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model_base_path": "models/half"},
         f"--model_base_path=models/half is relative; write --model_base_path={Path.cwd()}/models/half"),
        ({"model_base_path": "s3://bucket/half"}, "is not a folder of this machine"),
        ({"model_base_path": "/m", "model_name": ""}, "a model without a name"),
        ({"model_config_file": "/no/such/file"}, "model_config_file /no/such/file cannot be read"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_to_do(settings, words):
    with pytest.raises(InvalidRequest) as raised:
        wanted_models(ServerConfig(**settings))
    assert words in str(raised.value)


@given(st.text(max_size=60))
def test_a_base_path_is_refused_or_absolute(path):
    try:
        found = wanted_models(ServerConfig(model_base_path=path))
    except InvalidRequest:
        return
    assert path == "" if found is None else found[0].folder.is_absolute()


@given(st.binary(max_size=60))
def test_a_damaged_list_is_one_clear_error(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "damaged.config"
    file.write_bytes(data)
    try:
        found = wanted_models(ServerConfig(model_config_file=str(file)))
    except InvalidRequest:
        return
    assert found is not None


def test_who_waits_in_vain_is_told_why(tmp_path):
    (tmp_path / "leaf").mkdir()
    (tmp_path / "leaf" / "model.onnx").touch()
    (tmp_path / "good" / "1").mkdir(parents=True)
    models = [ModelConfig(n, tmp_path / n, needs_manifest=False) for n in ("none", "leaf", "good")]
    assert list(remarks(tuple(models))) == [
        f"none: there is no folder {tmp_path}/none yet; it is waited for",
        f"leaf: there is no version in {tmp_path}/leaf yet; a version is a folder named by its "
        f"number, such as {tmp_path}/leaf/1",
    ]


def test_a_batching_file_changes_every_models_limits(tmp_path):
    file = write(
        tmp_path / "batching",
        "max_batch_size { value: 8 } batch_timeout_micros { value: 500 } allowed_batch_sizes: [2, 8]"
        " max_enqueued_batches { value: 3 } num_batch_threads { value: 5 }",
    )
    found = limits_of(ServerConfig(enable_batching=True, batching_parameters_file=file), lanes=1)
    assert (found.max_rows, found.timeout_s, found.allowed_rows) == (8, 0.0005, (2, 8))
    assert (found.max_waiting_rows, found.lanes) == (24, 5)


def test_with_files_for_each_model_only_the_threads_are_everybodys(tmp_path):
    file = write(tmp_path / "b", "max_batch_size { value: 8 } num_batch_threads { value: 5 }")
    config = ServerConfig(
        enable_batching=True,
        enable_per_model_batching_parameters=True,
        batching_parameters_file=file,
        max_batch_rows=32,
    )
    found = limits_of(config, lanes=1)
    assert (found.max_rows, found.lanes) == (32, 5)


@pytest.mark.parametrize(
    "settings",
    [{"batching_parameters_file": "/b"}, {"enable_per_model_batching_parameters": True}],
)
def test_batching_parameters_without_batching_are_refused_as_tf_serving_does(settings):
    with pytest.raises(InvalidRequest, match="need --enable_batching"):
        limits_of(ServerConfig(**settings), lanes=1)


def test_limits_that_contradict_each_other_are_refused(tmp_path):
    file = write(tmp_path / "b", "max_batch_size { value: 8 } allowed_batch_sizes: 4")
    with pytest.raises(InvalidRequest, match="must be max_batch_size, 8"):
        limits_of(ServerConfig(enable_batching=True, batching_parameters_file=file), lanes=1)


def test_a_versions_own_file_says_all_but_the_threads(tmp_path):
    assert batching_of(tmp_path) == BatchOverrides()
    text = "max_batch_size { value: 4 } batch_timeout_micros { value: 7 } num_batch_threads { value: 9 }"
    write(tmp_path / "batching_params.pbtxt", text)
    assert batching_of(tmp_path) == BatchOverrides(max_batch_size=4, batch_timeout_micros=7)


def test_the_monitoring_file_names_a_page(tmp_path):
    assert monitoring_of(ServerConfig()) == MonitoringConfig()
    file = write(tmp_path / "m", 'prometheus_config { enable: true path: "/prom" }')
    found = monitoring_of(ServerConfig(monitoring_config_file=file))
    assert found == MonitoringConfig("/prom")
