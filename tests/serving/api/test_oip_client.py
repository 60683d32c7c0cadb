"""Open Inference as a client writes and reads it, against what the server reads and writes."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import InvalidRequest
from model_store.spec import ModelVersion
from serving.api import oip, oip_client, oip_raw, oip_requests
from serving.api.calls import Answer, ModelRef, Prediction
from serving.api.protos import inference_pb2 as pb
from tests.serving.api.test_tfs import ARRAYS


@given(st.dictionaries(st.text(min_size=1), ARRAYS, max_size=3), st.none() | st.integers(1, 10**9))
def test_the_server_reads_what_the_client_writes(inputs, version):
    prediction = Prediction(ModelRef("m", version), inputs)
    call = oip.decode_infer_request(oip_client.encode_infer_request(prediction))
    assert call.prediction.model == prediction.model
    assert call.prediction.inputs.keys() == inputs.keys()
    for name, tensor in inputs.items():
        assert call.prediction.inputs[name].dtype == tensor.dtype
        np.testing.assert_array_equal(call.prediction.inputs[name], tensor)


@given(ARRAYS, st.booleans())
def test_the_client_reads_what_the_server_writes_raw_or_typed(array, is_raw):
    call = oip_raw.InferCall(Prediction(ModelRef("m"), {}), oip_requests.InferOptions(), "", is_raw)
    answer = Answer(ModelVersion("m", 3), {"y": array})
    said, outputs = oip_client.decode_infer_response(oip.encode_infer_response(answer, call))
    assert said == "3"
    assert outputs["y"].dtype == array.dtype
    np.testing.assert_array_equal(outputs["y"], array)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_refused(data):
    for decode in (oip_client.decode_infer_response, oip_client.decode_is_ready):
        with contextlib.suppress(InvalidRequest):
            decode(data)


def test_an_output_without_its_raw_contents_is_refused():
    response = pb.ModelInferResponse(model_version="1", raw_output_contents=[b"\1"])
    for name in "ab":
        response.outputs.add(name=name, datatype="UINT8", shape=[1])
    with pytest.raises(InvalidRequest):
        oip_client.decode_infer_response(response.SerializeToString())


def test_readiness_is_read():
    assert oip_client.decode_is_ready(pb.ServerReadyResponse(ready=True).SerializeToString())
    assert not oip_client.decode_is_ready(b"")
    assert oip_client.encode_server_ready_request() == b""
