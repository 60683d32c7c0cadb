"""Tensors in shared memory, asked for over real ports."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import grpc
import numpy as np
import pytest

from model_store.errors import MessageTooLarge, Overloaded
from serving.api import oip
from serving.api.protos import inference_pb2 as pb
from serving.api.regions import NOT_SHARED, Region, Span
from serving.engine.regions import Regions
from serving.services.oip_regions import Sharing
from serving.transport.memory import Memory
from tests.serving.transport.apps import ask
from tests.support import BUNDLED_STORE, RunningServer, publish_linear, running_server

FOLDER = Path("/dev/shm")
ROOT = "/v2/systemsharedmemory"
GOLDEN = np.load(BUNDLED_STORE / "numbers" / "1" / "golden.npz")
IMAGES, SCORES = GOLDEN["input:image"], GOLDEN["output:scores"]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no /dev/shm here")


@pytest.fixture
def key() -> Iterator[str]:
    """An object with the golden images at its begin, and as much room again."""
    name = f"easel-test-{uuid4().hex}"
    path = FOLDER / name
    path.write_bytes(IMAGES.tobytes().ljust(2 * IMAGES.nbytes + SCORES.nbytes, b"\0"))
    try:
        yield name
    finally:
        path.unlink()


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server(BUNDLED_STORE, shared_memory="/easel-test-") as running:
        yield running


@pytest.fixture(scope="module")
def open_server(tmp_path_factory) -> Iterator[RunningServer]:
    store = tmp_path_factory.mktemp("store")
    publish_linear(store, "double", factor=2.0)
    with running_server(store, shared_memory="/") as running:
        yield running


def post(server: RunningServer, path: str, message: object = None) -> tuple[int, dict]:
    body = b"" if message is None else json.dumps(message).encode()
    answer = ask(server.http, path, method="POST", body=body)
    return answer.status, json.loads(answer.body)


def register(server: RunningServer, key: str, **more: int) -> str:
    name = f"region-{uuid4().hex}"
    size = (FOLDER / key).stat().st_size
    status, said = post(
        server, f"{ROOT}/region/{name}/register", {"key": key, "byte_size": size} | more
    )
    assert (status, said) == (200, {})
    return name


def span(region: str, size: int, offset: int = 0) -> dict[str, object]:
    return {
        "shared_memory_region": region, "shared_memory_byte_size": size,
        "shared_memory_offset": offset,
    }  # fmt: skip


def image(**more) -> dict[str, object]:
    return {"name": "image", "datatype": "UINT8", "shape": IMAGES.shape, **more}


def test_a_tensor_out_of_shared_memory_gives_what_a_sent_one_gives(server, key):
    name = register(server, key)
    given = image(parameters=span(name, IMAGES.nbytes))
    status, said = post(server, "/v2/models/numbers/infer", {"inputs": [given]})
    (output,) = said["outputs"]
    assert (status, output["shape"]) == (200, list(SCORES.shape))
    got = np.float32(output["data"]).reshape(SCORES.shape)
    np.testing.assert_allclose(got, SCORES, atol=1e-5)


def test_an_output_into_shared_memory_is_there_and_not_in_the_answer(server, key):
    name = register(server, key)
    output = {"name": "scores", "parameters": span(name, SCORES.nbytes, 2 * IMAGES.nbytes)}
    given = image(parameters=span(name, IMAGES.nbytes))
    asked = {"inputs": [given], "outputs": [output], "parameters": {"binary_data_output": True}}
    for _ in range(3):  # what is repeated is read once
        status, said = post(server, "/v2/models/numbers/infer", asked)
        assert (status, "data" in said["outputs"][0]) == (200, False)
    written = (FOLDER / key).read_bytes()
    got = np.frombuffer(written, np.float32, offset=2 * IMAGES.nbytes).reshape(SCORES.shape)
    np.testing.assert_allclose(got, SCORES, atol=1e-5)
    assert written[: IMAGES.nbytes] == IMAGES.tobytes()


def test_each_request_reads_what_is_there_by_then(server, key):
    name = register(server, key)
    one = IMAGES[:1].nbytes
    for at in (1, 2, 1):
        given = image(shape=[1, 28, 28, 1], parameters=span(name, one, at * one))
        head = json.dumps(
            {"inputs": [{**given, "shape": [1, 28, 28, 1]}]}, separators=(",", ":")
        ).encode()
        for _ in range(3):
            answer = ask(
                server.http, "/v2/models/numbers/infer", method="POST", body=head,
                headers={"Inference-Header-Content-Length": str(len(head))},
            )  # fmt: skip
            (output,) = json.loads(answer.body)["outputs"]
            np.testing.assert_allclose(output["data"], SCORES[at], atol=1e-5)


def test_a_stream_and_a_call_over_grpc_read_and_write_it(open_server):
    name = f"easel-test-{uuid4().hex}"
    (FOLDER / name).write_bytes(struct.pack("<3f", 1.5, 4, 8) + bytes(12))
    try:
        with grpc.insecure_channel(open_server.address) as channel:
            call = channel.unary_unary(oip.REGION_REGISTER)
            message = pb.SystemSharedMemoryRegisterRequest(name=name, key=name, byte_size=24)
            call(message.SerializeToString(), timeout=10)
            request = pb.ModelInferRequest(model_name="double")
            given = request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
            wanted = request.outputs.add(name="y")
            for tensor, at in ((given, 0), (wanted, 12)):
                tensor.parameters["shared_memory_region"].string_param = name
                tensor.parameters["shared_memory_byte_size"].int64_param = 12
                tensor.parameters["shared_memory_offset"].int64_param = at
            data = request.SerializeToString()
            answer = pb.ModelInferResponse.FromString(
                channel.unary_unary(oip.MODEL_INFER)(data, timeout=10)
            )
            assert list(answer.raw_output_contents) == [b""]
            assert struct.unpack("<3f", (FOLDER / name).read_bytes()[12:]) == (3, 8, 16)
            (FOLDER / name).write_bytes(struct.pack("<3f", 5, 6, 7) + bytes(12))
            stream = channel.stream_stream(oip.MODEL_STREAM_INFER)(iter([data]), timeout=10)
            (streamed,) = [pb.ModelStreamInferResponse.FromString(each) for each in stream]
            assert streamed.error_message == ""
            assert struct.unpack("<3f", (FOLDER / name).read_bytes()[12:]) == (10, 12, 14)
            listed = pb.SystemSharedMemoryStatusResponse.FromString(
                channel.unary_unary(oip.REGION_STATUS)(b"", timeout=10)
            )
            assert listed.regions[name].byte_size == 24
    finally:
        (FOLDER / name).unlink()


def test_who_shares_with_one_prefix_tells_nobody_what_there_is(server, key):
    name = register(server, key)
    for path in ("/status", f"/region/{name}/status"):
        answer = ask(server.http, ROOT + path)
        assert (answer.status, name in answer.body.decode()) == (403, False)
    assert post(server, f"{ROOT}/unregister")[0] == 403
    assert post(server, f"{ROOT}/region/{name}/unregister") == (200, {})
    given = image(parameters=span(name, IMAGES.nbytes))
    status, said = post(server, "/v2/models/numbers/infer", {"inputs": [given]})
    assert (status, said["error"]) == (404, f"Unable to find shared memory region: '{name}'")


def test_objects_of_others_cannot_be_registered(server):
    other = FOLDER / f"other-{uuid4().hex}"
    other.write_bytes(b"secret")
    try:
        body = {"key": other.name, "byte_size": 6}
        status, said = post(server, f"{ROOT}/region/r/register", body)
        assert status == 403
        assert "easel-test" not in said["error"]
    finally:
        other.unlink()


def test_a_server_that_shares_nothing_says_how_it_would(numbers_server, key):
    body = {"key": key, "byte_size": 4}
    for path, message in (("/region/r/register", body), ("/unregister", None)):
        status, said = post(numbers_server, ROOT + path, message)
        assert (status, "--shared_memory" in said["error"]) == (403, True)
    given = image(parameters=span("r", IMAGES.nbytes))
    status, said = post(numbers_server, "/v2/models/numbers/infer", {"inputs": [given]})
    assert (status, "--shared_memory" in said["error"]) == (400, True)


@pytest.fixture
def sharing(tmp_path) -> Sharing:
    (tmp_path / "one").write_bytes(bytes(1 << 20))
    regions = Regions("/", folder=tmp_path)
    regions.register(Region("r", "one", 0, 1 << 20))
    return Sharing(regions, Memory(300_000), most_bytes=200_000)


def test_what_a_call_reads_counts_until_it_has_ended(sharing):
    span = Span("r", 200_000)
    with sharing.for_call() as first:
        first.read(span, "input 'x'")
        with sharing.for_call() as second, pytest.raises(Overloaded, match="max_inflight_bytes"):
            second.read(span, "input 'x'")
    with sharing.for_call() as third:
        assert third.read(span, "input 'x'") == bytes(200_000)


def test_a_tensor_in_shared_memory_may_be_as_long_as_a_message(sharing):
    with (
        sharing.for_call() as memory,
        pytest.raises(MessageTooLarge, match="input 'x' has 200001 bytes .* max_message_bytes"),
    ):
        memory.read(Span("r", 200_001), "input 'x'")


def test_a_call_of_a_server_that_shares_nothing_has_nothing():
    with Sharing().for_call() as memory:
        assert memory is NOT_SHARED
