"""Triton's extensions of Open Inference over gRPC, called by grpcio."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue

import grpc
import numpy as np
import pytest

from serving.api import oip
from serving.api.protos import inference_pb2 as pb
from serving.services.oip_absent import NOT_SUPPORTED
from tests.support import BUNDLED_STORE, RunningServer

GOLDEN = np.load(BUNDLED_STORE / "numbers" / "1" / "golden.npz")
IMAGES, SCORES = GOLDEN["input:image"], GOLDEN["output:scores"]


@pytest.fixture
def channel(numbers_server: RunningServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(numbers_server.address) as channel:
        yield channel


@pytest.fixture
def call(channel):
    def call(method: str, message) -> bytes:
        return channel.unary_unary(method)(message.SerializeToString(), timeout=10)

    return call


def infer_request(images=IMAGES, model="numbers", **fields) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name=model, **fields)
    message.inputs.add(name="image", datatype="UINT8", shape=images.shape)
    message.raw_input_contents.append(images.tobytes())
    return message


def stream(channel: grpc.Channel, requests) -> list[pb.ModelStreamInferResponse]:
    answers = channel.stream_stream(oip.MODEL_STREAM_INFER)(
        (request if isinstance(request, bytes) else request.SerializeToString() for request in requests),
        timeout=20,
    )  # fmt: skip
    return [pb.ModelStreamInferResponse.FromString(answer) for answer in answers]


def scores_of(response: pb.ModelInferResponse) -> np.ndarray:
    return np.frombuffer(response.raw_output_contents[0], np.float32).reshape(-1, 10)


def test_a_model_says_how_it_is_configured(call):
    answer = call(oip.MODEL_CONFIG, pb.ModelConfigRequest(name="numbers"))
    config = pb.ModelConfigResponse.FromString(answer).config
    assert (config.name, config.max_batch_size) == ("numbers", 64)
    assert (config.input[0].name, config.input[0].data_type, config.input[0].dims) == (
        "image", pb.TYPE_UINT8, [28, 28, 1],
    )  # fmt: skip
    assert (config.output[0].dims, config.output[0].label_filename) == ([10], "labels.txt")
    assert config.HasField("dynamic_batching")


def test_what_was_run_is_in_the_statistics(call):
    def seen() -> pb.ModelStatistics:
        answer = call(oip.MODEL_STATISTICS, pb.ModelStatisticsRequest(name="numbers"))
        (statistics,) = pb.ModelStatisticsResponse.FromString(answer).model_stats
        return statistics

    before = seen()
    call(oip.MODEL_INFER, infer_request(IMAGES[:3]))
    after = seen()
    assert after.inference_count - before.inference_count == 3
    assert after.execution_count - before.execution_count == 1
    assert after.inference_stats.success.count - before.inference_stats.success.count == 1
    assert after.last_inference >= before.last_inference


def test_the_index_lists_the_versions(call):
    answer = call(oip.REPOSITORY_INDEX, pb.RepositoryIndexRequest(ready=True))
    entries = pb.RepositoryIndexResponse.FromString(answer).models
    found = {(entry.name, entry.version, entry.state) for entry in entries}
    assert ("numbers", "1", "READY") in found
    assert found == {(folder.name, "1", "READY") for folder in BUNDLED_STORE.iterdir()}


def test_a_stream_answers_each_request_in_its_order(channel):
    requests = [infer_request(IMAGES[row : row + 1], id=str(row)) for row in [0, 1, 2] * 40]
    answers = stream(channel, requests)
    assert [each.infer_response.id for each in answers] == [request.id for request in requests]
    for each in answers:
        assert each.infer_response.parameters["triton_final_response"].bool_param
        np.testing.assert_allclose(
            scores_of(each.infer_response)[0], SCORES[int(each.infer_response.id)], atol=1e-5
        )


def test_a_stream_goes_on_after_requests_that_fail(channel):
    good, unknown = infer_request(id="1"), infer_request(model="nope", id="2")
    wrong = infer_request(IMAGES.reshape(-1, 784), id="3")
    answers = stream(channel, [unknown, wrong, b"\xff", good])
    assert [bool(each.error_message) for each in answers] == [True, True, True, False]
    assert answers[0].error_message == "Request for unknown model: 'nope' is not found"
    assert "unexpected shape for input 'image'" in answers[1].error_message
    assert [each.infer_response.id for each in answers] == ["2", "3", "", "1"]


def test_a_stream_without_requests_ends_without_answers(channel):
    assert stream(channel, []) == []


def test_a_client_may_wait_for_an_answer_before_its_next_request(channel):
    turns: SimpleQueue[bytes | None] = SimpleQueue()
    responses = channel.stream_stream(oip.MODEL_STREAM_INFER)(iter(turns.get, None), timeout=20)
    ids = []
    for row in range(3):
        turns.put(infer_request(IMAGES[row : row + 1], id=str(row)).SerializeToString())
        answer = pb.ModelStreamInferResponse.FromString(next(responses))
        ids.append(answer.infer_response.id)
    turns.put(None)
    assert (list(responses), ids) == ([], ["0", "1", "2"])


@pytest.mark.parametrize("method", sorted(NOT_SUPPORTED))
def test_what_is_not_supported_says_why(call, method):
    with pytest.raises(grpc.RpcError) as raised:
        call(oip.SERVICE + method, pb.ServerLiveRequest())
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert raised.value.details() == NOT_SUPPORTED[method]


def test_there_is_one_repository_and_it_has_no_name(call):
    with pytest.raises(grpc.RpcError) as raised:
        call(oip.REPOSITORY_INDEX, pb.RepositoryIndexRequest(repository_name="other"))
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "'repository_name' specification is not supported" in raised.value.details()
