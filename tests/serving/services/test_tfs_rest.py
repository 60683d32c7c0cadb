"""TF Serving's REST API over an engine, without a socket."""

from __future__ import annotations

import json

import numpy as np
import pytest

from model_store.errors import EaselError, InvalidRequest, ServableNotFound
from model_store.spec import Signature, TensorSpec
from serving.config import ServerConfig
from serving.server import build_engine
from serving.services.http import HttpRequest
from serving.services.methods import Call
from serving.services.tfs_rest import tfs_http_api
from tests.support import BUNDLED_STORE, publish_linear

GOLDEN = np.load(BUNDLED_STORE / "numbers" / "1" / "golden.npz")
IMAGES, SCORES = GOLDEN["input:image"][:3], GOLDEN["output:scores"][:3]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    publish_linear(root, "double")
    publish_linear(root, "double", factor=3.0)
    (root / "double" / "deployment.json").write_text('{"labels": {"stable": 2, "old": 1}}')
    free = Signature((TensorSpec("x", "float32", (None,)),), (TensorSpec("y", "float32", (None,)),))
    publish_linear(root, "scalars", signature=free)
    (root / "numbers").symlink_to(BUNDLED_STORE / "numbers")
    return root


@pytest.fixture
async def ask(store):
    """Ask the API as a client would; the answer's JSON."""
    engine = build_engine(ServerConfig(store=str(store)))
    await engine.load_all()
    api = tfs_http_api(engine)

    async def ask(method: str, path: str, body: object = None, call: Call | None = None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = HttpRequest(method, path, body=data)
        return json.loads((await api(request, call or Call())).body)

    yield ask
    engine.close()


async def failure(ask, *arguments) -> tuple[int, str]:
    with pytest.raises(EaselError) as raised:
        await ask(*arguments)
    return raised.value.code.http, str(raised.value)


# --- predict -------------------------------------------------------------------------


async def test_rows_and_columns_give_the_source_models_scores(ask):
    by_row = await ask("POST", "/v1/models/numbers:predict", {"instances": IMAGES.tolist()})
    by_column = await ask(
        "POST", "/v1/models/numbers/versions/1:predict", {"inputs": {"image": IMAGES.tolist()}}
    )
    np.testing.assert_allclose(by_row["predictions"], SCORES, atol=1e-5)
    np.testing.assert_allclose(by_column["outputs"], SCORES, atol=1e-5)


@pytest.mark.parametrize(
    ("path", "factor"),
    [
        ("/v1/models/double:predict", 3),
        ("/V1/Models/double:PREDICT", 3),
        ("/v1/models/double/versions/1:predict", 2),
        ("/v1/models/double/versions/0002:predict", 3),
        ("/v1/models/double/labels/old:predict", 2),
        ("/v1/models/double/Labels/stable:predict", 3),
    ],
)
async def test_a_version_or_a_version_label_may_be_asked_for(ask, path, factor):
    answer = await ask("POST", path, {"instances": [[1, 2, 3]]})
    assert answer == {"predictions": [[factor, 2 * factor, 3 * factor]]}


async def test_a_row_may_be_a_number(ask):
    answer = await ask("POST", "/v1/models/scalars:predict", {"instances": [1, 2.5]})
    assert answer == {"predictions": [2, 5]}


async def test_a_long_request_is_read_like_a_short_one(ask):
    rows = [[float(number), 0.5, -1e-9] for number in range(50_000)]
    answer = await ask("POST", "/v1/models/double:predict", {"instances": rows})
    assert answer["predictions"][49_999] == [149_997, 1.5, pytest.approx(-3e-9)]
    rows[-1] = []
    code, message = await failure(ask, "POST", "/v1/models/double:predict", {"instances": rows})
    assert code == 400
    assert message.startswith("Failed to process element: 49999 of 'instances' list.")


@pytest.mark.parametrize("model", ["numbers", "double", "scalars"])
async def test_no_rows_give_no_rows(ask, model):
    assert await ask("POST", f"/v1/models/{model}:predict", {"instances": []}) == {
        "predictions": []
    }


async def test_the_call_learns_what_was_asked_and_answered(ask):
    call = Call()
    await ask("POST", "/v1/models/double:predict", {"instances": [[1, 2, 3]]}, call)
    assert (str(call.asked), str(call.answer.model)) == ("double", "double/2")


@pytest.mark.parametrize(
    ("path", "body", "want"),
    [
        ("/v1/models/nope:predict", {"instances": [1]},
         (404, "Servable not found for request: Latest(nope)")),
        ("/v1/models/double/versions/9:predict", {"instances": [1]},
         (404, "Servable not found for request: Specific(double, 9)")),
        ("/v1/models/double/labels/canary:predict", {"instances": [1]},
         (400, "Unrecognized servable version label: canary")),
        ("/v1/models/double:predict", {"instances": [1], "signature_name": "x"},
         (400, 'Serving signature name: "x" not found in signature def')),
        ("/v1/models/double:predict", {"instances": [[1, 2]]},
         (400, "expected x: float32[N, 3], got float32[1, 2]")),
        ("/v1/models/double:predict", b"", (400, "JSON Parse error: The document is empty")),
        ("/v1/models/double/versions/9223372036854775808:predict", {},
         (400, "Failed to convert version: 9223372036854775808 to numeric.")),
        ("/v1/models/double/versions/" + "9" * 5000 + ":predict", {},
         (400, f"Failed to convert version: {'9' * 5000} to numeric.")),
    ],
)  # fmt: skip
async def test_a_failure_is_told_in_tf_servings_words(ask, path, body, want):
    assert await failure(ask, "POST", path, body) == want


# --- routes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models/double"),
        ("POST", "/v1/models/double:explain"),
        ("POST", "/v1/models/double/versions/one:predict"),
        ("POST", "/v1/models/double/versions/1/labels/a:predict"),
        ("POST", "/v1/models/double:predict/"),
        ("POST", "/v1"),
        ("GET", "/v1/models/double:predict"),
        ("GET", "/v1/models/double/"),
        ("GET", "/v1/models/double/config"),
        ("GET", "/v1/"),
        ("PUT", "/v1/models/double"),
        ("DELETE", "/v1/models/double"),
    ],
)
async def test_another_route_is_a_malformed_request(ask, method, path):
    assert await failure(ask, method, path) == (400, f"Malformed request: {method} {path}")


async def test_no_model_is_named(ask):
    assert await failure(ask, "GET", "/v1/models") == (400, "Missing model name in request.")


# --- status and metadata -------------------------------------------------------------


async def test_the_status_has_every_field_and_numbers_as_text(ask):
    ok = {"error_code": "OK", "error_message": ""}
    newest = {"version": "2", "state": "AVAILABLE", "status": ok}
    older = newest | {"version": "1"}
    assert await ask("GET", "/v1/models/double/versions/2") == {"model_version_status": [newest]}
    assert await ask("GET", "/v1/models/double/labels/old") == {"model_version_status": [older]}
    every = await ask("GET", "/v1/models/double")
    assert sorted(every["model_version_status"], key=str) == [older, newest]


async def test_the_status_of_what_is_not_there_is_not_found(ask):
    with pytest.raises(ServableNotFound, match="Could not find any versions of model nope"):
        await ask("GET", "/v1/models/nope")
    with pytest.raises(ServableNotFound, match="Could not find version 9 of model double"):
        await ask("GET", "/v1/models/double/versions/9")


def tensor_info(name: str, dtype: str, *sizes: str):
    dims = [{"size": size, "name": ""} for size in sizes]
    shape = {"dim": dims, "unknown_rank": False}
    return {"dtype": dtype, "tensor_shape": shape, "name": f"{name}:0"}


async def test_the_metadata_has_every_field(ask):
    assert await ask("GET", "/v1/models/numbers/metadata") == {
        "model_spec": {"name": "numbers", "signature_name": "", "version": "1"},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    "serving_default": {
                        "inputs": {
                            "image": tensor_info("image", "DT_UINT8", "-1", "28", "28", "1")
                        },
                        "outputs": {"scores": tensor_info("scores", "DT_FLOAT", "-1", "10")},
                        "method_name": "tensorflow/serving/predict",
                        "defaults": {},
                    }
                }
            }
        },
    }


async def test_the_metadata_of_a_version_is_that_versions(ask):
    for path, version in (("/versions/1", "1"), ("/labels/stable", "2"), ("", "2")):
        found = await ask("GET", f"/v1/models/double{path}/metadata")
        assert found["model_spec"]["version"] == version
    with pytest.raises(InvalidRequest, match="Unrecognized servable version label: no"):
        await ask("GET", "/v1/models/double/labels/no/metadata")
