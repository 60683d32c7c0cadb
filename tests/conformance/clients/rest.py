"""Runs in the environment of ``tensorflow-serving-api``: TF Serving's REST API by ``requests``.

    python rest.py GRPC HTTP STORE

The requests of TF Serving's own documentation, and what clients of it rely on.
"""

from __future__ import annotations

import json
import math
import sys
from base64 import b64encode
from typing import Any

import requests
from report import Report

REPORT = Report("requests", "TF Serving REST")
ROW = [1.0, 2.0, 3.0, 4.0]


class Models:
    """``/v1/models`` of one server."""

    def __init__(self, address: str) -> None:
        self.root = f"http://{address}/v1/models/"
        self.session = requests.Session()

    def get(self, path: str) -> tuple[int, Any]:
        answer = self.session.get(self.root + path, timeout=20)
        return answer.status_code, answer.json()

    def post(self, path: str, body: object, **headers: str) -> tuple[int, Any]:
        data = body if isinstance(body, (str, bytes)) else json.dumps(body)
        answer = self.session.post(self.root + path, data, headers=headers, timeout=20)
        assert answer.headers["Content-Type"].startswith("application/json"), answer.headers
        return answer.status_code, answer.json()

    def error(self, path: str, body: object) -> str:
        """``STATUS message`` of a POST that must fail."""
        status, answer = self.post(path, body)
        assert list(answer) == ["error"], answer
        return f"{status} {answer['error']}"


def main(_grpc: str, address: str, _store: str) -> None:
    models = Models(address)
    rows(models)
    columns(models)
    values(models)
    versions(models)
    describe(models)
    mistakes(models)


def rows(models: Models) -> None:
    with REPORT.feature("predict, the example of the documentation"):
        answer = models.post("half_plus_two:predict", {"instances": [1.0, 2.0, 5.0]})
        assert answer == (200, {"predictions": [2.5, 3.0, 4.5]})
    with REPORT.feature("predict by row, one input"):
        answer = models.post("add:predict", {"instances": [ROW, ROW]})
        assert answer == (200, {"predictions": [[2.0, 3.0, 4.0, 5.0]] * 2})
    with REPORT.feature("predict by row, several inputs and outputs"):
        instances = [{"a": [5, 6, 7], "b": [1, 2, 3]}]
        answer = models.post("pair:predict", {"instances": instances})
        predictions = [{"total": [6.0, 8.0, 10.0], "difference": [4.0, 4.0, 4.0]}]
        assert answer == (200, {"predictions": predictions})
    with REPORT.feature("predict by row, a signature by its name"):
        body = {"signature_name": "serving_default", "instances": [ROW]}
        assert models.post("add:predict", body)[0] == 200
    with REPORT.feature("predict by row, no rows"):
        assert models.post("add:predict", {"instances": []}) == (200, {"predictions": []})


def columns(models: Models) -> None:
    with REPORT.feature("predict by column, one input"):
        answer = models.post("add:predict", {"inputs": [ROW]})
        assert answer == (200, {"outputs": [[2.0, 3.0, 4.0, 5.0]]})
    with REPORT.feature("predict by column, several inputs and outputs"):
        body = {"inputs": {"a": [[5, 6, 7]], "b": [[1, 2, 3]]}}
        outputs = {"total": [[6.0, 8.0, 10.0]], "difference": [[4.0, 4.0, 4.0]]}
        assert models.post("pair:predict", body) == (200, {"outputs": outputs})
    with REPORT.feature("predict by column, a model without a batch axis"):
        body = {"inputs": [[1, 2, 3], [4, 5, 6]]}
        answer = models.post("fixed:predict", body)
        assert answer == (200, {"outputs": [[2.0, 3.0, 4.0], [5.0, 6.0, 7.0]]})


def values(models: Models) -> None:
    with REPORT.feature("strings, as text and as b64"):
        words = ["one", {"b64": b64encode("둘".encode()).decode()}]
        answer = models.post("text:predict", {"instances": [words]})
        assert answer == (200, {"predictions": [["one", "둘"]]})
    with REPORT.feature("NaN and Infinity"):
        status, answer = models.post(
            "add:predict", '{"instances": [[NaN, Infinity, -Infinity, 0]]}'
        )
        assert status == 200
        got = answer["predictions"][0]
        assert math.isnan(got[0])
        assert got[1:] == [math.inf, -math.inf, 1.0]
    with REPORT.feature("numbers as TF Serving writes them"):
        answer = models.session.post(
            models.root + "half_plus_two:predict", '{"instances": [0.2, 1e10, 0]}', timeout=20
        )
        assert "".join(answer.text.split()) == '{"predictions":[2.1,5e+09,2.0]}', answer.text
    with REPORT.feature("any content type, and bytes after the object"):
        body = json.dumps({"instances": [ROW]}) + "\n rest"
        status, _ = models.post("add:predict", body, **{"Content-Type": "text/plain"})
        assert status == 200


def versions(models: Models) -> None:
    def scale(path: str) -> float:
        status, answer = models.post(f"scale{path}:predict", {"instances": [ROW]})
        assert status == 200, answer
        return answer["predictions"][0][0]

    with REPORT.feature("the usual version"):
        assert scale("") == 2.0
    with REPORT.feature("a version by its number"):
        assert [scale(f"/versions/{number}") for number in (1, 2, 3)] == [1.0, 2.0, 3.0]
    with REPORT.feature("a version by its label"):
        assert [scale(f"/labels/{label}") for label in ("old", "stable", "canary")] == [
            1.0, 2.0, 3.0
        ]  # fmt: skip


def describe(models: Models) -> None:
    with REPORT.feature("model status"):
        available = {
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
            "version": "1",
        }
        assert models.get("add") == (200, {"model_version_status": [available]})
        status, answer = models.get("scale/versions/2")
        assert status == 200
        assert [each["version"] for each in answer["model_version_status"]] == ["2"]
        status, answer = models.get("scale/labels/canary")
        assert [each["version"] for each in answer["model_version_status"]] == ["3"]
    with REPORT.feature("model metadata"):
        status, answer = models.get("pair/metadata")
        assert status == 200
        assert answer["model_spec"] == {"name": "pair", "signature_name": "", "version": "1"}
        signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert signature["method_name"] == "tensorflow/serving/predict"
        assert signature["inputs"]["a"]["dtype"] == "DT_FLOAT"
        sizes = [axis["size"] for axis in signature["inputs"]["a"]["tensor_shape"]["dim"]]
        assert sizes == ["-1", "3"]


def mistakes(models: Models) -> None:
    with REPORT.feature("errors of model and version"):
        good = {"instances": [ROW]}
        unknown = "404 Servable not found for request: "
        assert models.error("nope:predict", good) == unknown + "Latest(nope)"
        assert models.error("add/versions/9:predict", good) == unknown + "Specific(add, 9)"
        text = models.error("scale/labels/nope:predict", good)
        assert text == "400 Unrecognized servable version label: nope"
        assert models.get("nope") == (404, {"error": "Could not find any versions of model nope"})
    with REPORT.feature("errors of the path"):
        assert models.error("add:nope", good) == "400 Malformed request: POST /v1/models/add:nope"
        assert models.get("add:predict")[0] == 400
    with REPORT.feature("errors of the body"):
        assert models.error("add:predict", "") == "400 JSON Parse error: The document is empty"
        assert models.error("add:predict", "{").startswith("400 JSON Parse error: ")
        assert "Missing 'inputs' or 'instances' key" in models.error("add:predict", {})
        assert "expecting only one of 'inputs' or 'instances' keys" in models.error(
            "add:predict", {"inputs": [ROW], "instances": [ROW]}
        )
        text = models.error("add:predict", {**good, "signature_name": "nope"})
        assert text == '400 Serving signature name: "nope" not found in signature def'
        assert "Failed to process element: 0" in models.error("add:predict", {"instances": ["a"]})
        assert "Unable to base64 decode" in models.error(
            "text:predict", {"instances": [[{"b64": "?"}, "b"]]}
        )


main(*sys.argv[1:])
