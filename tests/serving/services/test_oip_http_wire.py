"""Open Inference over a real HTTP port: what only the transport can break."""

from __future__ import annotations

import gzip
import json
import urllib.error
import urllib.request

import numpy as np
import pytest

from tests.support import BUNDLED_STORE, RunningServer

GOLDEN = np.load(BUNDLED_STORE / "numbers" / "1" / "golden.npz")
IMAGES, SCORES = GOLDEN["input:image"], GOLDEN["output:scores"]
INFER = "/v2/models/numbers/infer"


def send(server: RunningServer, path: str, body: bytes | None = None, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://{server.http}{path}", body, named)
    with urllib.request.urlopen(request, timeout=20) as response:
        return dict(response.headers), response.read()


def image(**more) -> dict[str, object]:
    return {"name": "image", "datatype": "UINT8", "shape": IMAGES.shape, **more}


def test_json_goes_there_and_back_packed_or_not(numbers_server):
    body = json.dumps({"inputs": [image(data=IMAGES.tolist())]}).encode()
    _, plain = send(numbers_server, INFER, body)
    _, packed = send(numbers_server, INFER, gzip.compress(body), Content_Encoding="gzip")
    assert plain == packed
    (output,) = json.loads(plain)["outputs"]
    got = np.float32(output["data"]).reshape(output["shape"])
    np.testing.assert_allclose(got, SCORES, atol=1e-5)


def test_binary_tensors_come_back_with_the_length_of_the_json(numbers_server):
    head = json.dumps(
        {
            "inputs": [image(parameters={"binary_data_size": IMAGES.nbytes})],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    headers, body = send(
        numbers_server,
        INFER,
        head + IMAGES.tobytes(),
        Inference_Header_Content_Length=str(len(head)),
    )
    lower = {name.lower(): value for name, value in headers.items()}
    length = int(lower["inference-header-content-length"])
    got = np.frombuffer(body[length:], np.float32).reshape(SCORES.shape)
    np.testing.assert_allclose(got, SCORES, atol=1e-5)


def test_classes_have_the_labels_of_the_version(numbers_server):
    wanted = [{"name": "scores", "parameters": {"classification": 1}}]
    body = json.dumps({"inputs": [image(data=IMAGES.ravel().tolist())], "outputs": wanted})
    _, answer = send(numbers_server, INFER, body.encode())
    (output,) = json.loads(answer)["outputs"]
    best = [text.split(":")[1:] for text in output["data"]]
    assert best == [[str(number)] * 2 for number in SCORES.argmax(axis=1).tolist()]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v2/models/nope/infer", b"{}", 404, "Request for unknown model: 'nope' is not found"),
        (INFER, b"{", 400, "failed to parse the request JSON buffer"),
        ("/v2/", None, 404, "Not Found"),
        (INFER, None, 405, "Method Not Allowed"),
    ],
)
def test_a_mistake_is_a_status_and_a_sentence(numbers_server, path, body, status, words):
    with pytest.raises(urllib.error.HTTPError) as raised:
        send(numbers_server, path, body)
    with raised.value as error:
        assert (error.code, words in json.load(error)["error"]) == (status, True)
