"""A plain grpcio server with ModelInfer alone: what one would write in an afternoon.

No queue, no checks, no deadlines; the same messages and the same session as ours.
``sync`` has grpcio's own threads, ``aio`` grpc.aio on uvloop.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import uvloop

from benchmarks import inputs
from serving.api.protos import inference_pb2 as pb
from serving.engine.onnx_runtime import OrtSession

_THREADS = 8


def handlers(infer: Callable[..., Any]) -> grpc.GenericRpcHandler:
    """ModelInfer, answered by *infer*."""
    method = grpc.unary_unary_rpc_method_handler(
        infer, pb.ModelInferRequest.FromString, pb.ModelInferResponse.SerializeToString
    )
    return grpc.method_handlers_generic_handler(
        "inference.GRPCInferenceService", {"ModelInfer": method}
    )


def serve_sync(
    compute: Callable[[pb.ModelInferRequest], pb.ModelInferResponse], address: str
) -> None:
    """Serve from a pool of threads."""
    server = grpc.server(ThreadPoolExecutor(_THREADS))
    server.add_generic_rpc_handlers((handlers(lambda request, _: compute(request)),))
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


async def serve_aio(
    compute: Callable[[pb.ModelInferRequest], pb.ModelInferResponse], address: str
) -> None:
    """Serve from one event loop."""

    async def infer(request: pb.ModelInferRequest, _: Any) -> pb.ModelInferResponse:
        return compute(request)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handlers(infer),))
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Load the model and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=("sync", "aio"), required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    flags = parser.parse_args()
    session = OrtSession(inputs.graph_of(flags.store), intra_op_threads=1)
    output = session.signature.outputs[0].name

    def compute(request: pb.ModelInferRequest) -> pb.ModelInferResponse:
        tensor = request.inputs[0]
        raw = np.frombuffer(request.raw_input_contents[0], np.uint8)
        scores = session.run([output], {tensor.name: raw.reshape(tuple(tensor.shape))})[0]
        response = pb.ModelInferResponse(model_name=request.model_name, model_version="1")
        response.outputs.add(name=output, datatype="FP32", shape=scores.shape)
        response.raw_output_contents.append(scores.tobytes())
        return response

    address = f"127.0.0.1:{flags.port}"
    if flags.kind == "sync":
        serve_sync(compute, address)
    else:
        uvloop.run(serve_aio(compute, address))


if __name__ == "__main__":
    main()
