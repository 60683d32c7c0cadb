"""The whole server over a real socket, called by grpcio."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from model_store.digests import digest_folder
from model_store.manifest import Manifest
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec
from model_store.store import Store
from serving.api import health, oip, tfs
from serving.api.calls import ModelRef, Prediction
from serving.api.protos import grpc_health_pb2 as health_pb
from serving.api.protos import inference_pb2 as oip_pb
from serving.api.protos import tensorflow_error_pb2 as tf_error
from serving.api.protos import tensorflow_pb2 as tf
from serving.api.protos import tensorflow_serving_pb2 as tfs_pb
from tests.support import BUNDLED_STORE, RunningServer, publish_linear, running_server, save_graph

GOLDEN = np.load(BUNDLED_STORE / "numbers" / "1" / "golden.npz")
IMAGES, SCORES = GOLDEN["input:image"], GOLDEN["output:scores"]


@pytest.fixture
def call(numbers_server: RunningServer):
    with grpc.insecure_channel(numbers_server.address) as channel:
        yield caller(channel)


def caller(channel: grpc.Channel):
    def call(method: str, message=None, **options):
        data = (
            message
            if isinstance(message, bytes)
            else (message.SerializeToString() if message else b"")
        )
        return channel.unary_unary(method)(data, timeout=10, **options)

    return call


def infer_request(images=IMAGES, model="numbers", **fields) -> oip_pb.ModelInferRequest:
    message = oip_pb.ModelInferRequest(model_name=model, **fields)
    message.inputs.add(name="image", datatype="UINT8", shape=images.shape)
    message.raw_input_contents.append(images.tobytes())
    return message


def scores_of(data: bytes) -> np.ndarray:
    response = oip_pb.ModelInferResponse.FromString(data)
    return np.frombuffer(response.raw_output_contents[0], np.float32).reshape(-1, 10)


def predict_request(images=IMAGES, **ref) -> bytes:
    return tfs.encode_predict_request(Prediction(ModelRef("numbers", **ref), {"image": images}))


def failure(call, method, message, **options) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        call(method, message, **options)
    return raised.value.code(), raised.value.details()


# --- predictions -------------------------------------------------------------------


def test_both_protocols_give_the_source_models_scores(call):
    np.testing.assert_allclose(scores_of(call(oip.MODEL_INFER, infer_request())), SCORES, atol=1e-5)
    answer = tfs.decode_predict_response(call(tfs.PREDICT, predict_request()))
    assert answer.model.number == 1
    np.testing.assert_allclose(answer.outputs["scores"], SCORES, atol=1e-5)


def test_typed_contents_are_answered_in_typed_contents(call):
    message = oip_pb.ModelInferRequest(model_name="numbers", model_version="1", id="abc")
    tensor = message.inputs.add(name="image", datatype="UINT8", shape=[1, 28, 28, 1])
    tensor.contents.uint_contents.extend(IMAGES[0].ravel().tolist())
    response = oip_pb.ModelInferResponse.FromString(call(oip.MODEL_INFER, message))
    assert (response.id, response.model_version, not response.raw_output_contents) == (
        "abc",
        "1",
        True,
    )
    np.testing.assert_allclose(response.outputs[0].contents.fp32_contents, SCORES[0], atol=1e-5)


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_requests_are_understood(call, compression):
    data = call(oip.MODEL_INFER, infer_request(), compression=compression)
    np.testing.assert_allclose(scores_of(data), SCORES, atol=1e-5)


def test_thousands_of_rows_in_one_message_come_back_in_order(call):
    many = np.tile(IMAGES, (500, 1, 1, 1))
    scores = scores_of(call(oip.MODEL_INFER, infer_request(many)))
    np.testing.assert_allclose(scores, np.tile(SCORES, (500, 1)), atol=1e-5)


def test_many_callers_at_once_get_their_own_rows(numbers_server):
    with grpc.insecure_channel(numbers_server.address) as channel, ThreadPoolExecutor(16) as pool:
        call = caller(channel)

        def ask(index: int) -> None:
            row = index % len(IMAGES)
            got = scores_of(call(oip.MODEL_INFER, infer_request(IMAGES[row : row + 1])))
            np.testing.assert_allclose(got[0], SCORES[row], atol=1e-5)

        list(pool.map(ask, range(400)))


def test_grpc_is_answered_on_the_http_port_too(numbers_server):
    with grpc.insecure_channel(numbers_server.http) as channel:
        data = caller(channel)(oip.MODEL_INFER, infer_request())
    np.testing.assert_allclose(scores_of(data), SCORES, atol=1e-5)


def test_only_the_wanted_outputs_come_back(call):
    request = tfs_pb.PredictRequest.FromString(predict_request())
    request.output_filter.append("scores")
    assert list(tfs.decode_predict_response(call(tfs.PREDICT, request)).outputs) == ["scores"]


# --- what TF Serving's clients look for ----------------------------------------------


def spec(name="numbers", **fields) -> tfs_pb.ModelSpec:
    return tfs_pb.ModelSpec(name=name, **fields)


def predict(model_spec=None, images=IMAGES, **fields) -> tfs_pb.PredictRequest:
    request = tfs_pb.PredictRequest.FromString(predict_request(images))
    if model_spec is not None:
        request.model_spec.CopyFrom(model_spec)
    for name, value in fields.items():
        getattr(request, name).extend(value)
    return request


def renamed_input() -> tfs_pb.PredictRequest:
    request = predict()
    request.inputs["z"].CopyFrom(request.inputs.pop("image"))
    return request


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (predict(spec("nope")), "NOT_FOUND", "Servable not found for request: Latest(nope)"),
        (predict(spec(version={"value": 9})), "NOT_FOUND",
         "Servable not found for request: Specific(numbers, 9)"),
        (predict(spec(version_label="canary")), "INVALID_ARGUMENT",
         "Unrecognized servable version label: canary"),
        (predict(spec("")), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (tfs_pb.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (predict(spec(signature_name="other")), "FAILED_PRECONDITION",
         'Serving signature key "other" not found.'),
        (renamed_input(), "INVALID_ARGUMENT",
         "input size does not match signature: 1!=1 len({z}) != len({image}). "
         "Sent extra: {z}. Missing but required: {image}."),
        (predict(output_filter=["q"]), "INVALID_ARGUMENT",
         "output tensor alias not found in signature: q "
         "Outputs expected to be in the set {scores}."),
        (predict(output_filter=["scores", "scores"]), "INVALID_ARGUMENT",
         "duplicate output tensor alias: scores"),
        (predict(images=IMAGES[:, :5]), "INVALID_ARGUMENT",
         "expected image: uint8[N, 28, 28, 1], got uint8[16, 5, 28, 1]"),
    ],
)  # fmt: skip
def test_predict_refuses_in_tf_servings_words(call, request_, code, words):
    got, details = failure(call, tfs.PREDICT, request_)
    assert (got.name, details) == (code, words)


def test_metadata_is_the_signature_map(call):
    request = tfs_pb.GetModelMetadataRequest(model_spec=spec(), metadata_field=["signature_def"])
    response = tfs_pb.GetModelMetadataResponse.FromString(call(tfs.GET_MODEL_METADATA, request))
    assert response.model_spec.version.value == 1
    signatures = tfs_pb.SignatureDefMap.FromString(response.metadata["signature_def"].value)
    signature = signatures.signature_def[DEFAULT_SIGNATURE]
    assert signature.method_name == "tensorflow/serving/predict"
    assert signature.inputs["image"].dtype == tf.DT_UINT8
    assert [dim.size for dim in signature.outputs["scores"].tensor_shape.dim] == [-1, 10]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([], "GetModelMetadataRequest must specify at least one metadata_field"),
        (["other"], "Metadata field other is not supported"),
    ],
)
def test_metadata_knows_one_field(call, fields, words):
    request = tfs_pb.GetModelMetadataRequest(model_spec=spec(), metadata_field=fields)
    code, details = failure(call, tfs.GET_MODEL_METADATA, request)
    assert (code, details) == (grpc.StatusCode.INVALID_ARGUMENT, words)


def test_status_lists_the_versions(call):
    request = tfs_pb.GetModelStatusRequest(model_spec=spec())
    response = tfs_pb.GetModelStatusResponse.FromString(call(tfs.GET_MODEL_STATUS, request))
    (status,) = response.model_version_status
    assert (status.version, status.state) == (1, tfs_pb.ModelVersionStatus.AVAILABLE)
    assert status.status.error_code == tf_error.OK


@pytest.mark.parametrize(
    ("model_spec", "words"),
    [
        (spec("nope"), "Could not find any versions of model nope"),
        (spec(version={"value": 9}), "Could not find version 9 of model numbers"),
    ],
)
def test_status_of_the_unknown_is_not_found(call, model_spec, words):
    request = tfs_pb.GetModelStatusRequest(model_spec=model_spec)
    code, details = failure(call, tfs.GET_MODEL_STATUS, request)
    assert (code, details) == (grpc.StatusCode.NOT_FOUND, words)


# --- what Triton's clients look for ----------------------------------------------------


def test_server_and_model_say_that_they_are_ready(call):
    assert oip_pb.ServerLiveResponse.FromString(call(oip.SERVER_LIVE)).live
    assert oip_pb.ServerReadyResponse.FromString(call(oip.SERVER_READY)).ready
    for name, version, ready in (("numbers", "", True), ("numbers", "1", True),
                                 ("numbers", "9", False), ("nope", "", False)):  # fmt: skip
        request = oip_pb.ModelReadyRequest(name=name, version=version)
        assert oip_pb.ModelReadyResponse.FromString(call(oip.MODEL_READY, request)).ready is ready


def test_server_and_model_describe_themselves(call):
    assert oip_pb.ServerMetadataResponse.FromString(call(oip.SERVER_METADATA)).name == "easel"
    data = call(oip.MODEL_METADATA, oip_pb.ModelMetadataRequest(name="numbers"))
    model = oip_pb.ModelMetadataResponse.FromString(data)
    assert (list(model.versions), model.platform) == (["1"], "onnxruntime_onnx")
    assert [(t.name, t.datatype, list(t.shape)) for t in (*model.inputs, *model.outputs)] == [
        ("image", "UINT8", [-1, 28, 28, 1]),
        ("scores", "FP32", [-1, 10]),
    ]


def wrong_dtype() -> oip_pb.ModelInferRequest:
    message = oip_pb.ModelInferRequest(model_name="numbers", raw_input_contents=[b"\0" * 3136])
    message.inputs.add(name="image", datatype="FP32", shape=[1, 28, 28, 1])
    return message


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (infer_request(model="nope"), "NOT_FOUND", "Request for unknown model: 'nope' is not found"),
        (infer_request(model_version="9"), "NOT_FOUND",
         "Request for unknown model: 'numbers' version 9 is not found"),
        (infer_request(model=""), "INVALID_ARGUMENT", "the request names no model; set model_name"),
        (infer_request(IMAGES[:, :5]), "INVALID_ARGUMENT",
         "unexpected shape for input 'image' for model 'numbers'. "
         "Expected [-1,28,28,1], got [16,5,28,1]"),
        (wrong_dtype(), "INVALID_ARGUMENT",
         "inference input 'image' data-type is 'FP32', but model 'numbers' expects 'UINT8'"),
        (infer_request(outputs=[{"name": "q"}]), "INVALID_ARGUMENT",
         "unexpected inference output 'q' for model 'numbers'"),
    ],
)  # fmt: skip
def test_infer_refuses_in_tritons_words(call, request_, code, words):
    got, details = failure(call, oip.MODEL_INFER, request_)
    assert (got.name, details) == (code, words)


# --- health ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "service",
    [
        "",
        "tensorflow.serving.PredictionService",
        "PredictionService",
        "inference.GRPCInferenceService",
    ],
)
def test_health_is_known_for_the_server_and_each_service(call, service):
    request = health_pb.HealthCheckRequest(service=service)
    assert health.decode_is_serving(call(health.CHECK, request))


def test_health_of_an_unknown_service_is_not_found(call):
    code, _ = failure(call, health.CHECK, health_pb.HealthCheckRequest(service="nope"))
    assert code is grpc.StatusCode.NOT_FOUND


def test_a_health_watch_sees_the_drain(tmp_path):
    publish_linear(tmp_path)
    with running_server(tmp_path, drain_s=2.0) as server:
        with grpc.insecure_channel(server.address) as channel:
            watch = channel.unary_stream(health.WATCH)(b"")
            assert health.decode_is_serving(next(watch))
            server.loop.call_soon_threadsafe(server.stop.set)
            assert not health.decode_is_serving(next(watch))


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/healthz", 200, "ok\n"),
        ("GET", "/readyz", 200, "ok\n"),
        ("HEAD", "/readyz", 200, ""),
        ("POST", "/readyz", 405, "use GET\n"),
        ("GET", "/readyz/", 404, "not found\n"),
    ],
)
@pytest.mark.parametrize("port", ["address", "http"])
def test_health_pages_speak_plain_http_on_both_ports(
    numbers_server, port, method, path, status, text
):
    address = getattr(numbers_server, port)
    request = urllib.request.Request(f"http://{address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            got = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        got = error.code, error.read().decode()
        error.close()
    assert got == (status, text)


# --- calls that go wrong -------------------------------------------------------------------


def test_an_unknown_method_is_unimplemented(call):
    code, details = failure(call, "/tensorflow.serving.PredictionService/Nope", b"")
    assert (code, details) == (
        grpc.StatusCode.UNIMPLEMENTED,
        "unknown method /tensorflow.serving.PredictionService/Nope",
    )


@pytest.mark.parametrize(
    "method", [oip.MODEL_INFER, tfs.PREDICT, tfs.GET_MODEL_STATUS, health.CHECK]
)
def test_bytes_that_are_no_message_are_the_callers_mistake(call, method):
    code, details = failure(call, method, b"\xff\xff\xff")
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "the request is not a" in details


def test_a_message_over_the_limit_names_the_limit_and_the_setting():
    with running_server(BUNDLED_STORE, max_message_bytes=20_000) as server:
        with grpc.insecure_channel(server.address) as channel:
            code, details = failure(
                caller(channel), oip.MODEL_INFER, infer_request(np.tile(IMAGES, (2, 1, 1, 1)))
            )
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "this server takes 20000" in details
            assert "--max_message_bytes" in details
            np.testing.assert_allclose(
                scores_of(caller(channel)(oip.MODEL_INFER, infer_request())), SCORES, atol=1e-5
            )


SLOW = Signature((TensorSpec("x", "float32", (None, 1)),), (TensorSpec("y", "float32", (None, 1)),))


@pytest.fixture
def slow_server(slow_store):
    """Serves the slow model, which has learnt that its rows are not cheap."""
    with running_server(slow_store, drain_s=30.0) as server:
        with grpc.insecure_channel(server.address) as channel:
            channel.unary_unary(oip.MODEL_INFER)(slow_request(20), timeout=30)
        yield server


@pytest.fixture(scope="module")
def slow_store(tmp_path_factory):
    """A model that computes for as many steps as its input says."""
    root = tmp_path_factory.mktemp("slow")
    with Store(root).publishing("slow") as (folder, publish):
        _write_loop(folder / "model.onnx")
        publish(
            lambda model: Manifest(
                model=model, format="onnx", created="", signatures={DEFAULT_SIGNATURE: SLOW},
                files=digest_folder(folder),
            )
        )  # fmt: skip
    return root


def _write_loop(path) -> None:
    """y = x after int(max(x)) rounds of a large matrix product."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["m_in", "weights"], ["product"]),
            helper.make_node("Tanh", ["product"], ["m_out"]),
            helper.make_node("Identity", ["go_in"], ["go_out"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m_in", TensorProto.FLOAT, [400, 400]),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m_out", TensorProto.FLOAT, [400, 400]),
        ],
        [],
    )
    square = np.full((400, 400), 0.01, np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
            helper.make_node("Cast", ["most"], ["rounds"], to=TensorProto.INT64),
            helper.make_node("Loop", ["rounds", "go", "weights"], ["end"], body=body),
            helper.make_node("ReduceSum", ["end"], ["sum"], keepdims=0),
            helper.make_node("Mul", ["sum", "zero"], ["nothing"]),
            helper.make_node("Add", ["x", "nothing"], ["y"]),
        ],
        "slow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
        [
            numpy_helper.from_array(square, "weights"),
            numpy_helper.from_array(np.array(True), "go"),
            numpy_helper.from_array(np.float32(0), "zero"),
        ],
    )
    save_graph(path, graph)


def slow_request(rounds: float) -> bytes:
    message = oip_pb.ModelInferRequest(model_name="slow")
    message.inputs.add(name="x", datatype="FP32", shape=[1, 1])
    message.raw_input_contents.append(np.float32([[rounds]]).tobytes())
    return message.SerializeToString()


def test_a_deadline_ends_the_wait_and_the_server_goes_on(slow_server):
    with grpc.insecure_channel(slow_server.address) as channel:
        infer = channel.unary_unary(oip.MODEL_INFER)
        with pytest.raises(grpc.RpcError) as late:
            infer(slow_request(2000), timeout=0.2)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert infer(slow_request(1), timeout=30)


def test_a_cancelled_call_leaves_the_server_free(slow_server):
    with grpc.insecure_channel(slow_server.address) as channel:
        infer = channel.unary_unary(oip.MODEL_INFER)
        calls = [infer.future(slow_request(500)) for _ in range(20)]
        for each in calls:
            each.cancel()
        assert infer(slow_request(1), timeout=30)


def test_a_stop_lets_the_calls_in_flight_finish(slow_server):
    with grpc.insecure_channel(slow_server.address) as channel:
        begun = channel.unary_unary(oip.MODEL_INFER).future(slow_request(600))
        wait_until_busy(channel)
        slow_server.loop.call_soon_threadsafe(slow_server.stop.set)
        assert begun.result(timeout=60)


def test_a_drain_refuses_new_connections_at_once(slow_server):
    with grpc.insecure_channel(slow_server.address) as channel:
        begun = channel.unary_unary(oip.MODEL_INFER).future(slow_request(600))
        watch = channel.unary_stream(health.WATCH)(b"")
        assert health.decode_is_serving(next(watch))
        slow_server.loop.call_soon_threadsafe(slow_server.stop.set)
        assert not health.decode_is_serving(next(watch))
        for address in (slow_server.address, slow_server.http):
            assert is_refused(address), address
        watch.cancel()
        assert begun.result(timeout=60)


def is_refused(address: str) -> bool:
    """Whether connections are refused, now or within the moment that closing takes."""
    host, port = address.split(":")
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except ConnectionRefusedError:
            return True
        except OSError:  # accepted by the kernel, and reset
            continue


def wait_until_busy(channel: grpc.Channel) -> None:
    """Return once a call that was made before has surely reached the server."""
    channel.unary_unary(oip.SERVER_LIVE)(b"", timeout=10)


def test_a_long_run_does_not_keep_health_waiting(slow_server):
    with grpc.insecure_channel(slow_server.address) as channel:
        long_one = channel.unary_unary(oip.MODEL_INFER).future(slow_request(500))
        wait_until_busy(channel)
        assert not long_one.done()
        assert long_one.result(timeout=60)


def test_garbage_on_the_port_harms_nobody(numbers_server, call):
    host, port = numbers_server.address.split(":")
    for garbage in (b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
                    b"GET / HTTP/1.1\r\n\r\n\r\n" * 3, b"\0" * 1000):  # fmt: skip
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
    np.testing.assert_allclose(scores_of(call(oip.MODEL_INFER, infer_request())), SCORES, atol=1e-5)


def test_a_store_with_one_bad_model_serves_the_good_and_tells_why(tmp_path):
    publish_linear(tmp_path, "good")
    bad = publish_linear(tmp_path, "bad")
    (Store(tmp_path).folder(bad) / "model.onnx").write_bytes(b"")
    with running_server(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        assert server.started.ready == ("good/1",)
        ((name, why),) = server.started.failed
        assert name == "bad/1"
        assert "was altered" in why
        request = tfs_pb.GetModelStatusRequest(model_spec=spec("bad"))
        data = caller(channel)(tfs.GET_MODEL_STATUS, request)
        (status,) = tfs_pb.GetModelStatusResponse.FromString(data).model_version_status
        assert status.state == tfs_pb.ModelVersionStatus.END
        assert "was altered" in status.status.error_message
        ready = oip_pb.ServerReadyResponse.FromString(caller(channel)(oip.SERVER_READY))
        assert not ready.ready
