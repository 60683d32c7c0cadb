"""TF Serving's configuration files, read as the values that they stand for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_store.errors import InvalidRequest
from serving.api.protos import tensorflow_serving_config_pb2 as pb
from serving.engine.deployment import All, Latest, ModelConfig, Specific
from serving.engine.limits import BatchOverrides
from serving.services.tfs_config import (
    MonitoringConfig,
    SslConfig,
    decode_reload_request,
    read_batching_file,
    read_model_config_file,
    read_monitoring_file,
    read_ssl_file,
)

MODELS = """
# Everything that TF Serving's guide shows.
model_config_list {
  config {
    name: 'half_plus_two'
    base_path: '/models/half_plus_two'
    model_platform: 'tensorflow'
    model_version_policy { specific { versions: 42 versions: 43 } }
    version_labels { key: 'stable' value: 42 }
    version_labels { key: 'canary' value: 43 }
    logging_config {
      log_collector_config { type: "file" filename_prefix: "/tmp/log" }
      sampling_config { sampling_rate: 0.1 }
    }
  }
  config: { name: "plain", base_path: "file:///models/plain", model_type: TENSORFLOW }
  config { name: "some" base_path: "/models/some" model_version_policy { latest { num_versions: 3 } } }
  config { name: "none" base_path: "/models/none" model_version_policy { latest { } } }
  config { name: "every" base_path: "/models/every" model_version_policy { all: {} } }
}
"""


def config(name: str, *policy, labels=None) -> ModelConfig:
    folder = Path("/models") / name
    return ModelConfig(name, folder, *policy, labels=labels, needs_manifest=False)


def test_a_model_config_file_names_models_versions_and_labels():
    labels = {"stable": 42, "canary": 43}
    assert read_model_config_file(MODELS) == (
        config("half_plus_two", Specific((42, 43)), labels=labels),
        config("plain"),
        config("some", Latest(3)),
        config("none", Latest(1)),
        config("every", All()),
    )


def test_an_empty_file_names_no_model():
    assert read_model_config_file("") == ()
    assert read_model_config_file("# nothing yet\nmodel_config_list {}") == ()


def one(fields: str) -> str:
    return f"model_config_list {{ config {{ {fields} }} }}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('model_config_list {\n  config {\n    nam: "a"\n  }\n}',
         'model_config_file, line 3, column 5: Message type "tensorflow.serving.ModelConfig" '
         'has no field named "nam"'),
        ("model_config_list {", "model_config_file, line 1, column 19: Expected"),
        (one('name: 5 base_path: "/m"'), "model_config_file, line 1, column 36: "),
        (one('name: "a" base_path: "/m"') * 2, "model_config_file, line 1"),
        (one('name: "a" base_path: "m"'),
         "Expected model a to have an absolute path or URI; got base_path()=m"),
        (one('name: "a"'), "Expected model a to have an absolute path or URI; got base_path()="),
        (one('name: "a" base_path: "s3://bucket/m"'), "s3://bucket/m is not a folder of this"),
        (one('name: "a" base_path: "/m\\000"'), "NUL"),
        (one('base_path: "/m"'), "a model without a name, with base_path '/m'"),
        (one('name: "a" base_path: "/m" } config { name: "a" base_path: "/n"'),
         "Illegal to list model a multiple times in config list"),
        (one('name: "a" base_path: "/m" model_platform: "caffe"'),
         "model a: model_platform 'caffe' is not one of tensorflow, onnx"),
        (one('name: "a" base_path: "/m" model_type: TENSORFLOW model_platform: "tensorflow"'),
         "Illegal setting both ModelServerConfig::model_type"),
        (one('name: "a" base_path: "/m" model_type: OTHER'), "choice 2 not supported"),
        ("custom_model_config {}", "custom_model_config is not supported"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_told_with_its_place(text, message):
    with pytest.raises(InvalidRequest) as raised:
        read_model_config_file(text)
    assert message in str(raised.value)


@given(st.text() | st.text("{}:\"' \nmodel_config_list5/"))
@example("\ud800")
@example("model_config_list {" * 2000)
def test_any_text_is_a_config_or_refused(text):
    for read in (read_model_config_file, read_batching_file, read_monitoring_file, read_ssl_file):
        try:
            read(text)
        except InvalidRequest as error:
            assert str(error)


@given(st.binary())
def test_any_bytes_are_a_reload_request_or_refused(data):
    try:
        decode_reload_request(data)
    except InvalidRequest as error:
        assert str(error)


def test_a_reload_request_needs_a_list_of_models():
    for request in (
        pb.ReloadConfigRequest(),
        pb.ReloadConfigRequest(config=pb.ModelServerConfig()),
    ):
        with pytest.raises(InvalidRequest, match="Only ModelConfigList is currently supported"):
            decode_reload_request(request.SerializeToString())


# --- the other files --------------------------------------------------------------------


def test_a_batching_file_says_what_it_says_and_no_more():
    assert read_batching_file("") == BatchOverrides()
    text = """
        max_batch_size { value: 128 }
        batch_timeout_micros { value: 0 }
        max_enqueued_batches { value: 1000 }
        num_batch_threads { value: 8 }
        allowed_batch_sizes: 32
        allowed_batch_sizes: [64, 128]
        pad_variable_length_inputs: true
        thread_pool_name { value: "shared" }
    """
    assert read_batching_file(text) == BatchOverrides(
        max_batch_size=128,
        batch_timeout_micros=0,
        allowed_batch_sizes=(32, 64, 128),
        max_enqueued_batches=1000,
        num_batch_threads=8,
    )


@pytest.mark.parametrize(("is_split", "rows"), [("true", 16), ("false", 128)])
def test_the_rows_of_a_run_may_be_fewer_than_those_of_a_request(is_split, rows):
    text = f"""
        max_batch_size {{ value: 128 }} max_execution_batch_size {{ value: 16 }}
        enable_large_batch_splitting {{ value: {is_split} }}
    """
    assert read_batching_file(text).max_batch_size == rows


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", None),
        ("prometheus_config { path: '/metrics' }", None),
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ("prometheus_config { enable: true path: '/metrics' }", "/metrics"),
    ],
)
def test_a_monitoring_file_says_where_the_metrics_are(text, want):
    assert read_monitoring_file(text) == MonitoringConfig(want)


def test_a_path_of_metrics_begins_at_the_root():
    with pytest.raises(InvalidRequest, match="path 'metrics' must begin with /"):
        read_monitoring_file("prometheus_config { enable: true path: 'metrics' }")


def test_an_ssl_file_has_a_key_a_certificate_and_perhaps_a_ca():
    assert read_ssl_file('server_key: "k\\n" server_cert: "c"') == SslConfig("k\n", "c")
    whole = 'server_key: "k" server_cert: "c" custom_ca: "a" client_verify: true'
    assert read_ssl_file(whole) == SslConfig("k", "c", "a", client_verify=True)
    for lacking, name in (
        ('server_key: "k"', "server_cert"),
        ('server_cert: "c"', "server_key"),
        ('server_key: "k" server_cert: "c" client_verify: true', "custom_ca"),
    ):
        with pytest.raises(InvalidRequest, match=f"ssl_config_file: {name} is missing"):
            read_ssl_file(lacking)
