"""A request that is known by its head asks what it would ask if it was read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import InvalidRequest
from model_store.spec import ModelVersion
from serving.api import oip
from serving.api.calls import Answer, ModelRef, Prediction
from serving.api.oip_raw import InferCall, KnownRequests, encode_raw_answer
from serving.api.oip_requests import InferOptions
from serving.api.protos import inference_pb2 as pb
from serving.api.wire import parse

Input = pb.ModelInferRequest.InferInputTensor
SHAPES = {"UINT8": (4,), "FP32": (2, 2), "FP64": (1,), "BOOL": (3,)}


def message(datatype: str, raw: bytes, **fields) -> bytes:
    tensor = Input(name="x", datatype=datatype, shape=SHAPES[datatype])
    fields = {"model_name": "m", **fields}
    request = pb.ModelInferRequest(inputs=[tensor], raw_input_contents=[raw], **fields)
    return request.SerializeToString()


def facts(call: InferCall) -> tuple:
    tensors = [
        (name, tensor.dtype, tensor.shape, tensor.tobytes(), tensor.flags.aligned)
        for name, tensor in call.prediction.inputs.items()
    ]
    prediction = call.prediction
    return (
        tensors, prediction.model, prediction.outputs, prediction.priority, prediction.signature,
        call.options, call.id, call.is_raw,
    )  # fmt: skip


def read(data: bytes) -> tuple:
    """What it asks, or what is wrong with it, without anything remembered."""
    try:
        return facts(oip._decode(parse(pb.ModelInferRequest, data)))
    except InvalidRequest as error:
        return (str(error),)


def read_by(known: KnownRequests, data: bytes) -> tuple:
    """The same, as the server does it."""
    found = known.find(data)
    if found is not None:
        return facts(found)
    try:
        request = parse(pb.ModelInferRequest, data)
        call = oip._decode(request)
    except InvalidRequest as error:
        return (str(error),)
    known.note(data, request, call)
    return facts(call)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Requests of few kinds, with a tail that is another field now and then."""
    datatype = draw(st.sampled_from(sorted(SHAPES)))
    size = {"UINT8": 4, "FP32": 16, "FP64": 8, "BOOL": 3}[datatype] - draw(
        st.sampled_from([0] * 9 + [1])
    )
    raw = draw(st.one_of(st.binary(min_size=size, max_size=size), st.just(bytes(size))))
    data = message(
        datatype,
        raw,
        model_version=draw(st.sampled_from(["", "2"])),
        id=draw(st.sampled_from(["", "", "a", "b"])),
        outputs=draw(st.sampled_from([[], [{"name": "y"}]])),
    )
    return data + draw(
        st.sampled_from([b""] * 5 + [b"\x1a\1c", b"\x3a\1a", b"\x3a\0", b"\x3a", b"\xfa\x01\2xy"])
    )


@given(st.lists(messages(), min_size=1, max_size=3), st.lists(st.integers(0, 2), max_size=9))
def test_a_known_request_asks_what_it_says(pool, order):
    known = KnownRequests()
    for data in (pool[each % len(pool)] for each in order):
        assert read_by(known, data) == read(data)


@given(st.lists(st.binary(min_size=4, max_size=4), min_size=3, max_size=6))
def test_the_tensor_is_each_requests_own(tensors):
    known = KnownRequests()
    for raw in tensors:
        data = message("UINT8", raw)
        assert read_by(known, data) == read(data)
    assert known.find(message("UINT8", b"last")) is not None


def test_bytes_that_stand_at_the_end_by_chance_are_not_taken_for_the_tensor():
    # The tensor comes first, and a field that nobody knows ends with what looks like it.
    tensor = b"\x3a\4" + b"same"
    head = message("UINT8", b"same")[: -len(tensor)]
    ambiguous = head + tensor + b"\xfa\x01\x06" + tensor
    assert read(ambiguous) == read(head + tensor)
    known = KnownRequests()
    for _ in range(3):
        assert read_by(known, ambiguous) == read(ambiguous)
    other = ambiguous[:-4] + b"diff"
    assert read_by(known, other) == read(other) == read(ambiguous)


@pytest.mark.parametrize("rows", [1, 100_000])
def test_what_is_remembered_holds_no_tensor(rows):
    known = KnownRequests()
    tensor = Input(name="x", datatype="UINT8", shape=[rows])
    data = pb.ModelInferRequest(
        model_name="m", inputs=[tensor], raw_input_contents=[bytes(rows)]
    ).SerializeToString()
    for _ in range(2):
        read_by(known, data)
    (kept,) = known._known.values()
    assert not kept.call.prediction.inputs
    assert len(kept.head) < 100


@given(
    st.lists(st.sampled_from([np.float32, np.uint8, np.float16]), min_size=1, max_size=3),
    st.integers(0, 300),
    st.text(max_size=200),
)
def test_a_raw_answer_is_what_protobuf_would_write(dtypes, rows, request_id):
    outputs = {f"y{at}": np.ones((rows, 2), dtype) for at, dtype in enumerate(dtypes)}
    answer = Answer(ModelVersion("m", 3), outputs)
    call = InferCall(Prediction(ModelRef("m"), {}), InferOptions(), request_id, is_raw=True)
    whole = pb.ModelInferResponse()
    oip._fill_response(whole, answer, call)
    written = encode_raw_answer(answer, [each.datatype for each in whole.outputs], request_id)
    assert pb.ModelInferResponse.FromString(written) == whole
    assert len(written) == whole.ByteSize()
