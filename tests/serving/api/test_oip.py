"""Open Inference's tensors and requests, and everything they may not be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_store.errors import InvalidRequest
from model_store.spec import ModelVersion
from serving.api import oip, oip_mismatch, oip_raw, oip_requests
from serving.api.calls import Answer, ModelRef, Prediction
from serving.api.oip_tensors import DATATYPES
from serving.api.protos import inference_pb2 as pb
from tests.serving.api.test_tfs import ARRAYS

Input = pb.ModelInferRequest.InferInputTensor
Contents = pb.InferTensorContents


def request(*inputs: Input, raw=(), **fields) -> bytes:
    message = pb.ModelInferRequest(model_name="m", inputs=inputs, raw_input_contents=raw, **fields)
    return message.SerializeToString()


def decode_one(data: bytes) -> np.ndarray:
    (tensor,) = oip.decode_infer_request(data).prediction.inputs.values()
    return tensor


@given(ARRAYS)
def test_a_raw_tensor_is_read_as_it_was_written(array):
    tensor = Input(name="x", datatype=DATATYPES[array.dtype.name], shape=array.shape)
    decoded = decode_one(request(tensor, raw=[array.tobytes()]))
    assert decoded.dtype == array.dtype
    np.testing.assert_array_equal(decoded, array)


@given(ARRAYS.filter(lambda array: array.dtype != np.float16 and array.size))
def test_an_answer_mirrors_the_form_of_its_request(array):
    answer = Answer(ModelVersion("m", 3), {"y": array})
    tensor = Input(name="x", datatype="UINT8", shape=[1])
    for raw, contents in (([b"\1"], None), ([], Contents(uint_contents=[1]))):
        asked = (
            Input(name="x", datatype="UINT8", shape=[1], contents=contents) if contents else tensor
        )
        call = oip.decode_infer_request(request(asked, raw=raw, id="7"))
        response = pb.ModelInferResponse.FromString(oip.encode_infer_response(answer, call))
        assert (response.model_version, response.id) == ("3", "7")
        assert bool(response.raw_output_contents) == bool(raw)
        (output,) = response.outputs
        twin = Input.FromString(output.SerializeToString())
        back = decode_one(request(twin, raw=response.raw_output_contents))
        np.testing.assert_array_equal(back, array)


def test_halves_are_answered_raw_because_they_have_no_typed_form():
    call = oip.decode_infer_request(
        request(Input(name="x", datatype="UINT8", shape=[1], contents=Contents(uint_contents=[1])))
    )
    answer = Answer(ModelVersion("m", 1), {"y": np.float16([1, 2])})
    response = pb.ModelInferResponse.FromString(oip.encode_infer_response(answer, call))
    assert response.raw_output_contents == [np.float16([1, 2]).tobytes()]


@given(st.lists(st.binary(max_size=9), max_size=5))
def test_byte_strings_are_framed_by_their_length(strings):
    array = np.empty(len(strings), object)
    array[:] = strings
    raw = b"".join(len(s).to_bytes(4, "little") + s for s in strings)
    decoded = decode_one(
        request(Input(name="x", datatype="BYTES", shape=[len(strings)]), raw=[raw])
    )
    np.testing.assert_array_equal(decoded, array)


F32 = {"name": "x", "datatype": "FP32"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (request(Input(**F32, shape=[4], contents=Contents(fp32_contents=[1] * 4)), raw=[b"\0" * 16]),
         "contents field must not be specified when using raw_input_contents for 'x' for model 'm'"),
        (request(Input(**F32, shape=[4]), raw=[b"\0" * 12]), "Expected 16, got 12"),
        (request(Input(**F32, shape=[4]), raw=[b"\0" * 16, b""]), "got 2 for model 'm'"),
        (request(Input(**F32, shape=[1], contents=Contents(int_contents=[1]))),
         "unexpected explicit tensor data for input tensor 'x' for model 'm' of type 'INT32', expected datatype 'FP32'"),
        (request(Input(name="x", datatype="FP16", shape=[1], contents=Contents(fp32_contents=[1]))),
         "FP16 is accepted as raw_input_contents only"),
        (request(Input(**F32, shape=[1])), "unable to find data for input tensor 'x' for model 'm' in request."),
        (request(Input(**F32, shape=[2], contents=Contents(fp32_contents=[1]))), "expected 2 elements, got 1"),
        (request(Input(name="x", datatype="FLOAT", shape=[1])), "invalid datatype for input x"),
        (request(Input(**F32, shape=[-1])), "invalid shape"),
        (request(Input(**F32, shape=[2**40])), "invalid shape"),
        (request(Input(name="x", datatype="UINT8", shape=[1], contents=Contents(uint_contents=[256]))),
         "a value does not fit uint8 in input 'x'"),
        (request(Input(name="x", datatype="BYTES", shape=[1]), raw=[b"\3\0\0\0ab"]),
         "expecting string of length 3 but only 2 bytes available"),
        (request(Input(name="x", datatype="BYTES", shape=[1]), raw=[b"\3\0"]), "incomplete string length"),
        (request(Input(name="x", datatype="BYTES", shape=[2]), raw=[b"\0\0\0\0"]), "expected 2 string elements for inference input 'x' for model 'm', got 1"),
        (request(Input(**F32, shape=[0]), Input(**F32, shape=[0])), "given twice"),
        (request(model_version="abc"), "version should be an integral value > 0"),
        (request(model_version="0"), "integral value > 0"),
        (request(model_version="-1"), "integral value > 0"),
        (request(model_version="9" * 5000), "integral value > 0"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_is_refused_with_the_reason(data, words):
    with pytest.raises(InvalidRequest) as refused:
        oip.decode_infer_request(data)
    assert words in str(refused.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_refused(data):
    try:
        call = oip.decode_infer_request(data)
    except InvalidRequest:
        return
    assert isinstance(call, oip_raw.InferCall)


@pytest.mark.parametrize(("text", "version"), [("", None), ("3", 3), ("007", 7)])
def test_versions_are_read_as_numbers(text, version):
    assert oip_requests.decode_model_ref("m", text) == ModelRef("m", version=version)


def test_batches_of_two_lengths_are_explained_in_tritons_words():
    from model_store.spec import Signature, TensorSpec

    specs = tuple(TensorSpec(name, "float32", (None, 1)) for name in "ab")
    inputs = {"a": np.zeros((1, 1), np.float32), "b": np.zeros((2, 1), np.float32)}
    text = oip_mismatch.explain_mismatch(Signature(specs, specs), Prediction(ModelRef("m"), inputs))
    assert text == "input 'a' batch size does not match other inputs for 'm'"


@given(hnp.arrays(np.float32, 3), st.sampled_from(["unknown", "missing"]))
def test_a_mismatch_is_explained_in_tritons_words(array, kind):
    from tests.support import TIMES_TWO

    inputs = {"z": array} if kind == "unknown" else {}
    text = oip_mismatch.explain_mismatch(TIMES_TWO, Prediction(ModelRef("m"), inputs))
    assert text == (
        "unexpected inference input 'z' for model 'm'"
        if kind == "unknown"
        else "expected 1 inputs but got 0 inputs for model 'm'. Got input(s) [], but missing "
        "required input(s) ['x']. Please provide all required input(s)."
    )
