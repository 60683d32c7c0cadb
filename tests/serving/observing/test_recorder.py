"""Under which labels a call is counted."""

from __future__ import annotations

import math

import pytest

from model_store.errors import Code
from serving.api.calls import ModelRef
from serving.observing.histograms import Histograms, Labels
from serving.observing.recorder import labels_of, protocol_of, recorder, sample_of
from tests.serving.observing.calls import PREDICT, answered, failed


@pytest.mark.parametrize(
    ("path", "is_grpc", "protocol"),
    [
        (PREDICT, True, "tfs_grpc"),
        ("/tensorflow.serving.ModelService/GetModelStatus", True, "tfs_grpc"),
        ("/inference.GRPCInferenceService/ModelInfer", True, "oip_grpc"),
        ("/grpc.health.v1.Health/Check", True, "other"),
        ("/v1/models/numbers:predict", False, "tfs_http"),
        ("/V1/models/numbers:predict", False, "tfs_http"),
        ("/v2/models/numbers/infer", False, "oip_http"),
        ("/metrics", False, "other"),
        ("/", False, "other"),
        ("", False, "other"),
    ],
)
def test_the_path_says_which_api_was_called(path, is_grpc, protocol):
    assert protocol_of(path, is_grpc=is_grpc) == protocol


def test_an_answer_is_counted_under_the_version_that_gave_it():
    assert labels_of(answered(), lambda _: False) == Labels("numbers", "3", "tfs_grpc", "OK")
    assert sample_of(answered()) == (0.004, 0.001, 0.002, 5, 800, 60)


def test_a_failure_is_counted_under_a_name_only_if_a_model_has_it():
    observation = failed(ModelRef("numbers", version=9))
    assert labels_of(observation, {"numbers"}.__contains__).model == "numbers"
    stranger = failed(ModelRef("name made up by a caller"))
    assert labels_of(stranger, {"numbers"}.__contains__) == Labels("", "", "tfs_grpc", "NOT_FOUND")
    assert labels_of(failed(None, Code.INVALID_ARGUMENT), {"numbers"}.__contains__).model == ""
    assert math.isnan(sample_of(observation).queue_s)


def test_everybody_hears_of_a_call():
    heard = []
    histograms = Histograms()
    record = recorder(histograms, lambda _: True, [heard.append, heard.append])
    observation = answered()
    record(observation)
    assert [each is observation for each in heard] == [True, True]
    assert list(histograms.series) == [Labels("numbers", "3", "tfs_grpc", "OK")]
