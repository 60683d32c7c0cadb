"""TF Serving's warm-up files."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import BadVersion
from serving.api import tfs
from serving.api.calls import ModelRef, Prediction
from serving.api.protos import prediction_log_pb2 as pb
from serving.api.warmup import MAX_RECORDS, WARMUP_FILE, read_warmup


def log_of(value: float) -> bytes:
    prediction = Prediction(ModelRef("many"), {"x": np.float32([[value]])}, signature="dense")
    log = pb.PredictionLog()
    log.predict_log.request.ParseFromString(tfs.encode_predict_request(prediction))
    return log.SerializeToString()


def record(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + b"crc1" + data + b"crc2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("version")
    (folder / WARMUP_FILE).parent.mkdir()
    return folder


def read(folder, data: bytes) -> list[Prediction]:
    (folder / WARMUP_FILE).write_bytes(data)
    return list(read_warmup(folder))


def test_requests_come_in_the_order_of_the_file(folder):
    found = read(folder, record(log_of(1)) + record(log_of(2)))
    assert [each.inputs["x"].tolist() for each in found] == [[[1]], [[2]]]
    assert {each.signature for each in found} == {"dense"}


def test_requests_of_other_methods_are_passed_over(folder):
    classify_log = b"\x12\x00"  # field 2, empty
    found = read(folder, record(classify_log) + record(log_of(1)))
    assert len(found) == 1


def test_a_version_without_the_file_has_no_requests(tmp_path):
    assert list(read_warmup(tmp_path)) == []


def test_more_requests_than_tf_serving_takes_are_refused(folder):
    assert len(read(folder, record(log_of(1)) * MAX_RECORDS)) == MAX_RECORDS
    with pytest.raises(BadVersion, match="more than 1000 requests"):
        read(folder, record(log_of(1)) * (MAX_RECORDS + 1))


def test_a_file_cut_short_anywhere_is_refused(folder):
    whole = record(log_of(1))
    for length in range(1, len(whole)):
        with pytest.raises(BadVersion, match="ends too early"):
            read(folder, whole[:length])


@given(st.binary() | st.binary().map(record))
def test_any_bytes_are_requests_or_refused(folder, data):
    try:
        read(folder, data)
    except BadVersion as error:
        assert str(error)
