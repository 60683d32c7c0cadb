"""float16 and bfloat16: real graphs, as raw bytes over every protocol that has them."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper

from model_store.digests import digest_folder
from model_store.errors import InvalidRequest
from model_store.manifest import Manifest
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec
from model_store.store import Store
from serving.api import oip, tfs
from serving.api.calls import ModelRef, Prediction
from serving.api.protos import inference_pb2 as pb
from serving.engine.engine import Engine
from serving.engine.servable import LoadOptions
from serving.services.http import HttpRequest
from serving.services.methods import Call
from serving.services.oip import oip_methods
from serving.services.oip_http import oip_http
from serving.services.tfs import tfs_methods
from tests.support import save_graph

KINDS = {
    "float16": ("FP16", TensorProto.FLOAT16, np.dtype(np.float16)),
    "bfloat16": ("BF16", TensorProto.BFLOAT16, np.dtype(ml_dtypes.bfloat16)),
}
SHARED = [1.5, -2, 0.25]


def publish_doubler(root, name: str) -> None:
    """A model of the dtype that it is called after: ``y = x + x``, and ``n = x`` as float32."""
    kind = KINDS[name][1]
    graph = helper.make_graph(
        [
            # Few operators have an implementation for bfloat16 on processors; a cast has.
            helper.make_node("Cast", ["x"], ["n"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["n", "n"], ["sum"]),
            helper.make_node("Cast", ["sum"], ["y"], to=kind),
        ],
        "doubler",
        [helper.make_tensor_value_info("x", kind, ["N", 3])],
        [
            helper.make_tensor_value_info("y", kind, ["N", 3]),
            helper.make_tensor_value_info("n", TensorProto.FLOAT, ["N", 3]),
        ],
    )
    outputs = (TensorSpec("y", name, (None, 3)), TensorSpec("n", "float32", (None, 3)))
    with Store(root).publishing(name) as (folder, publish):
        save_graph(folder / "model.onnx", graph)
        publish(
            lambda model: Manifest(
                model=model,
                format="onnx",
                created="2026-01-01T00:00:00+00:00",
                signatures={
                    DEFAULT_SIGNATURE: Signature((TensorSpec("x", name, (None, 3)),), outputs)
                },
                files=digest_folder(folder),
            )
        )


@pytest.fixture(params=sorted(KINDS))
async def served(request, tmp_path):
    publish_doubler(tmp_path, request.param)
    engine = Engine(Store(tmp_path), LoadOptions())
    await engine.load_all()
    assert engine.is_ready, engine.statuses(request.param)
    yield engine, request.param
    engine.close()


def rows(name: str, count: int = 2) -> np.ndarray:
    return np.array([SHARED] * count).astype(KINDS[name][2])


async def test_raw_contents_over_grpc_come_back_raw(served):
    engine, name = served
    datatype, _, dtype = KINDS[name]
    request = pb.ModelInferRequest(model_name=name)
    request.inputs.add(name="x", datatype=datatype, shape=[2, 3])
    request.raw_input_contents.append(rows(name).tobytes())
    handle = oip_methods(engine)[oip.MODEL_INFER].handle
    response = pb.ModelInferResponse.FromString(await handle(request.SerializeToString(), Call()))
    assert [output.datatype for output in response.outputs] == [datatype, "FP32"]
    doubled, plain = response.raw_output_contents
    np.testing.assert_array_equal(np.frombuffer(doubled, dtype).reshape(2, 3), rows(name) * 2)
    np.testing.assert_array_equal(np.frombuffer(plain, np.float32).reshape(2, 3), [SHARED] * 2)


async def test_binary_tensors_over_http_come_back_binary_and_json_is_refused(served):
    engine, name = served
    datatype, _, dtype = KINDS[name]
    raw = rows(name, 1).tobytes()
    tensor = {"name": "x", "datatype": datatype, "shape": [1, 3]}
    wanted = {"name": "y", "parameters": {"binary_data": True}}

    async def infer(tensor: dict, output: dict, tail: bytes):
        head = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
        headers = {b"inference-header-content-length": str(len(head)).encode()}
        request = HttpRequest("POST", f"/v2/models/{name}/infer", {}, headers, head + tail)
        return await oip_http(engine)(request, Call())

    binary = {**tensor, "parameters": {"binary_data_size": len(raw)}}
    response = await infer(binary, wanted, raw)
    np.testing.assert_array_equal(np.frombuffer(response.body[-6:], dtype), rows(name, 1)[0] * 2)
    with pytest.raises(InvalidRequest, match=f"output 'y' is {datatype}.*ask for binary_data"):
        await infer(binary, {"name": "y"}, raw)
    with pytest.raises(InvalidRequest, match=f"{datatype} is accepted as binary data only"):
        await infer({**tensor, "data": SHARED}, wanted, b"")


async def test_tf_servings_predict_has_them_too(served):
    engine, name = served
    request = tfs.encode_predict_request(Prediction(ModelRef(name), {"x": rows(name)}))
    handle = tfs_methods(engine)[tfs.PREDICT].handle
    answer = tfs.decode_predict_response(await handle(request, Call()))
    assert answer.outputs["y"].dtype == KINDS[name][2]
    np.testing.assert_array_equal(answer.outputs["y"], rows(name) * 2)


@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=0, max_side=3)))
def test_any_bits_of_bfloat16_are_read_as_they_were_written(bits):
    array = bits.view(ml_dtypes.bfloat16)
    request = pb.ModelInferRequest(model_name="m", raw_input_contents=[array.tobytes()])
    request.inputs.add(name="x", datatype="BF16", shape=array.shape)
    decoded = oip.decode_infer_request(request.SerializeToString()).prediction.inputs["x"]
    assert decoded.dtype == array.dtype
    np.testing.assert_array_equal(decoded.view(np.uint16), bits)
    there = tfs.decode_tensor("x", tfs.encode_tensor(array))
    np.testing.assert_array_equal(there.view(np.uint16), bits)
