"""Runs in the environment of ``tritonclient[grpc]``: calls a server, prints JSON.

python triton_client.py ADDRESS INPUT.npz
"""

from __future__ import annotations

import asyncio
import json
import sys

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException


def main(address: str, path: str) -> None:
    images = np.load(path)["image"]
    client = triton.InferenceServerClient(address)
    result = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": [client.is_model_ready("numbers"), client.is_model_ready("numbers", "1"),
                        client.is_model_ready("nope")],
        "server": client.get_server_metadata().name,
        "metadata": client.get_model_metadata("numbers", as_json=True),
        "infer": infer(client, images),
        "infer_gzip": infer(client, images, compression_algorithm="gzip"),
        "infer_named_output": infer(client, images, outputs=[triton.InferRequestedOutput("scores")]),
        "infer_aio": asyncio.run(infer_aio(address, images)),
        "unknown": unknown(client, images),
    }  # fmt: skip
    print(json.dumps(result))


def tensor(images: np.ndarray) -> triton.InferInput:
    made = triton.InferInput("image", images.shape, "UINT8")
    made.set_data_from_numpy(images)
    return made


def infer(client: triton.InferenceServerClient, images: np.ndarray, **options) -> dict[str, object]:
    answer = client.infer("numbers", [tensor(images)], request_id="7", **options)
    response = answer.get_response()
    return {
        "scores": answer.as_numpy("scores").tolist(),
        "version": response.model_version,
        "id": response.id,
    }


async def infer_aio(address: str, images: np.ndarray) -> dict[str, object]:
    client = triton_aio.InferenceServerClient(address)
    try:
        answer = await client.infer("numbers", [tensor(images)], model_version="1", request_id="7")
        response = answer.get_response()
        return {
            "scores": answer.as_numpy("scores").tolist(),
            "version": response.model_version,
            "id": response.id,
        }
    finally:
        await client.close()


def unknown(client: triton.InferenceServerClient, images: np.ndarray) -> tuple[str, str]:
    try:
        client.infer("nope", [tensor(images)])
    except InferenceServerException as error:
        return error.status(), error.message()
    return "OK", ""


main(*sys.argv[1:])
