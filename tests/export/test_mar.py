"""TorchServe archives: their handler computes what the source does, on TorchServe itself too."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass, field, replace
from importlib import util

import numpy as np
import pytest
import torch

from export.graph.prelude import apply
from export.kinds import KINDS, TORCH_STATE_DICT
from export.mar import ARCHIVE, CONTRACT_FILE, Archive, archive_path, contract_of, write_archive
from export.sources import mar_archive, torch_module
from export.sources.source import Options, Prelude
from export.workshop.client import Environment, held_source
from model_store.errors import ExportRefused
from model_store.spec import DEFAULT_SIGNATURE, ModelVersion, Signature, TensorSpec
from tests.torch_nets import NETS
from tests.torchserve_server import CannotRun, torchserve

PRELUDE = Prelude(
    "image", "image", (16, 16), (0.01, 0.02, 0.03), (-1.0, -0.5, 0.25), is_channels_first=True
)
PIXELS = np.random.default_rng(2).integers(0, 256, (5, 16, 16, 3), np.uint8)
WIRE = TensorSpec("image", "uint8", (None, 16, 16, 3))


@dataclass
class Context:
    """TorchServe's, as far as a handler sees it."""

    system_properties: dict
    statuses: dict = field(default_factory=dict)

    def set_response_status(self, code, phrase, idx):
        self.statuses[idx] = code

    def set_response_content_type(self, idx, value):
        assert value == "application/json"


@pytest.fixture(scope="session")
def archived(tmp_path_factory):
    """Archives of networks, each made once, with the source that it was made of."""
    made = {}

    def archive(name: str):
        if name not in made:
            folder, net = tmp_path_factory.mktemp("mar"), NETS[name]
            torch.save(net.make().state_dict(), folder / "net.pth")
            options = Options(shapes=net.shapes, dtypes=net.dtypes, module=net.module)
            source = torch_module.load(folder / "net.pth", options)
            own = source.describe().signatures[DEFAULT_SIGNATURE]
            plan = Archive(ModelVersion(name, 3), folder / source.to_program(folder), own, own)
            if name == "cnn":
                wire = Signature((WIRE,), own.outputs)
                plan = replace(plan, wire=wire, prelude=PRELUDE, labels=("a", "b"))
            target = archive_path(folder / "models", plan.model)
            write_archive(plan, target)
            made[name] = source, target
        return made[name]

    return archive


@pytest.fixture(scope="session")
def post(archived):
    """Calls a handler with the bodies of one batch; gives answers and statuses."""

    def post(name: str, *bodies):
        source = mar_archive.load(archived(name)[1], Options())
        context = Context({"model_dir": str(source.folder)})
        answers = source.handler.handle([{"body": body} for body in bodies], context)
        return [json.loads(answer) for answer in answers], context.statuses

    return post


def source_inputs(pixels):
    return {"image": apply(PRELUDE, pixels, TensorSpec("image", "float32", (None, 3, 16, 16)))}


def assert_close(got, want):
    assert got.keys() == want.keys()
    for name, array in want.items():
        np.testing.assert_allclose(np.asarray(got[name], array.dtype), array, rtol=1e-5, atol=1e-6)


def test_the_official_archiver_writes_name_version_handler_program_and_contract(archived):
    _, path = archived("cnn")
    assert path.name == "cnn-3.mar"
    assert path.parent.name == "torchserve"
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))["model"]
        contract = json.loads(archive.read(CONTRACT_FILE))
        assert {"mar_handler.py", "model.pt2"} <= set(archive.namelist())
    assert (manifest["modelName"], manifest["modelVersion"]) == ("cnn", "3")
    assert manifest["handler"] == "mar_handler.py"
    assert contract["inputs"] == [{"name": "image", "dtype": "uint8", "shape": [None, 16, 16, 3]}]
    assert contract["labels"] == ["a", "b"]


def test_pixels_are_scaled_inside_the_archive(archived):
    source, path = archived("cnn")
    got = mar_archive.load(path, Options()).run(DEFAULT_SIGNATURE, {"image": PIXELS})
    assert_close(got, source.run(DEFAULT_SIGNATURE, source_inputs(PIXELS)))


@pytest.mark.parametrize("name", ["two-inputs", "branch"])
def test_a_module_is_archived_without_its_authors_code(archived, name):
    source, path = archived(name)
    for rows in (1, 2, 7):
        inputs = NETS[name].inputs(rows, seed=rows)
        got = mar_archive.load(path, Options()).run(DEFAULT_SIGNATURE, inputs)
        assert_close(got, source.run(DEFAULT_SIGNATURE, inputs))
    with zipfile.ZipFile(path) as archive:
        program = "model.pt2" if name == "two-inputs" else "model.pt"
        assert program in archive.namelist()


def test_requests_that_came_together_are_answered_each_with_its_rows(post, archived):
    parts = [PIXELS[:1], PIXELS[1:3], PIXELS[3:]]
    answers, statuses = post("cnn", *({"inputs": {"image": part.tolist()}} for part in parts))
    assert not statuses
    source, _ = archived("cnn")
    for answer, part in zip(answers, parts, strict=True):
        assert_close(answer["outputs"], source.run(DEFAULT_SIGNATURE, source_inputs(part)))


def test_open_inference_is_answered_as_open_inference(post, archived):
    inputs = NETS["two-inputs"].inputs(2)
    listed = [
        {
            "name": name, "shape": list(array.shape), "data": array.ravel().tolist(),
            "datatype": "INT64" if name == "words" else "FP32",
        }
        for name, array in inputs.items()
    ]  # fmt: skip
    (answer,), _ = post("two-inputs", {"id": "7", "inputs": listed})
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("two-inputs", "3", "7")
    got = {each["name"]: np.reshape(each["data"], each["shape"]) for each in answer["outputs"]}
    assert {each["datatype"] for each in answer["outputs"]} == {"FP32"}
    assert_close(got, archived("two-inputs")[0].run(DEFAULT_SIGNATURE, inputs))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        ({"instances": []}, "the body has to be"),
        ([1], "the body has to be"),
        ({"inputs": {}}, "input numbers is missing"),
        ({"inputs": {"numbers": [[1, 2, 3]], "more": 1}}, "no input more; the inputs are numbers"),
        ({"inputs": {"numbers": [[1, 2]]}}, r"input numbers is \[1, 2\]; it has to be \['N', 3\]"),
        ({"inputs": {"numbers": [[1], [2, 3]]}}, "input numbers is no tensor of float32"),
        ({"inputs": {"numbers": [["a", "b", "c"]]}}, "input numbers is no tensor of float32"),
        ({"inputs": [{"name": "numbers"}]}, "an input is not {name, shape, datatype, data}"),
        (
            {"inputs": [{"name": "numbers", "shape": [2], "datatype": "FP32", "data": [1]}]},
            "an input is not",
        ),
    ],
)
def test_a_wrong_request_is_told_why_and_fails_alone(post, body, reason):
    right = {"inputs": {"numbers": [[1.0, 2.0, 3.0]]}}
    (first, wrong, last), statuses = post("branch", right, body, right)
    assert statuses == {1: 400}
    assert first == last == {"outputs": first["outputs"]}
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(wrong["error"])


@pytest.mark.parametrize("value", [256, -1, 0.5, float("nan")])
def test_numbers_that_are_no_pixels_are_refused_and_not_bent(post, value):
    pixels = PIXELS[:1].tolist()
    pixels[0][3][4][1] = value
    (answer,), statuses = post("cnn", {"inputs": {"image": pixels}})
    assert statuses == {0: 400}
    assert "uint8" in answer["error"]


def test_what_the_model_cannot_compute_is_told_to_that_caller_only(post):
    def body(word):
        return {"inputs": {"numbers": [[1, 2, 3]], "words": [[word]]}}

    (good, bad), statuses = post("two-inputs", body(1), body(99))
    assert statuses == {1: 400}
    assert "the model fails" in bad["error"]
    assert good["outputs"].keys() == {"scores", "total"}


def test_tensors_that_json_cannot_say_are_refused(tmp_path):
    signature = Signature((TensorSpec("word", "bytes", (None,)),), ())
    plan = Archive(ModelVersion("words", 1), tmp_path / "model.pt2", signature, signature)
    with pytest.raises(ExportRefused, match="cannot be sent to TorchServe as JSON"):
        contract_of(plan)


def test_an_archiver_that_fails_or_is_not_there_is_told_and_leaves_nothing(tmp_path):
    plan = Archive(
        ModelVersion("a", 1), tmp_path / "none.pt2", Signature((), ()), Signature((), ())
    )
    with pytest.raises(ExportRefused, match="archiver refuses: .*none.pt2"):
        write_archive(plan, tmp_path / "mar" / "a-1.mar")
    with pytest.raises(ExportRefused, match="cannot be run"):
        write_archive(plan, tmp_path / "mar" / "a-1.mar", python=str(tmp_path / "python"))
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(ExportRefused, match=r"pip install 'easel\[export-torch\]'"):
        write_archive(plan, tmp_path / "mar" / "a-1.mar", python=str(bare))
    assert list((tmp_path / "mar").iterdir()) == []


def test_something_else_is_no_archive_of_ours(tmp_path):
    (tmp_path / "x.mar").write_bytes(b"PK")
    with pytest.raises(ExportRefused, match=r"x\.mar is no archive of Easel's"):
        mar_archive.load(tmp_path / "x.mar", Options())


@pytest.fixture(scope="session")
def own_module(tmp_path_factory):
    """An author's folder: the code of a network and its numbers."""
    folder = tmp_path_factory.mktemp("author")
    (folder / "my_nets.py").write_text(
        "from torch import nn\n\n\n"
        "def tiny():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(784, 2))\n"
    )
    found = util.spec_from_file_location("my_nets_here", folder / "my_nets.py")
    module = util.module_from_spec(found)
    found.loader.exec_module(module)
    torch.save(module.tiny().state_dict(), folder / "tiny.pth")
    return folder


def ask(address: str, path: str, body: object):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        address + path, content, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_a_real_torchserve_answers_with_the_sources_numbers(
    own_module, archived, tmp_path, monkeypatch
):
    monkeypatch.chdir(own_module)
    model, store = ModelVersion("tiny", 12), tmp_path / "models"
    options = Options(shapes={"input": (None, 3, 16, 16)}, module="my_nets:tiny")
    path = own_module / "tiny.pth"
    with held_source(KINDS[TORCH_STATE_DICT], path, options, Environment()) as source:
        own = source.describe().signatures[DEFAULT_SIGNATURE]
        prelude = replace(PRELUDE, input="input")
        wire = Signature((WIRE,), own.outputs)
        program = source.to_program(source.folder)
        write_archive(Archive(model, program, wire, own, prelude), archive_path(store, model))
        own_inputs = {"input": source_inputs(PIXELS)["image"]}
        want = source.run(DEFAULT_SIGNATURE, own_inputs)
    archive = archive_path(store, model)
    with held_source(ARCHIVE, archive, Options(), Environment()) as candidate:
        assert_close(candidate.run(DEFAULT_SIGNATURE, {"image": PIXELS}), want)
    shutil.copy(archived("branch")[1], archive.parent)
    try:
        with torchserve(archive.parent, tmp_path, models=2) as server:
            compare(f"http://{server.rest}", want, archived("branch")[0])
    except CannotRun as reason:
        pytest.skip(str(reason))


def compare(address, want, branch):
    """The answers of a TorchServe with *want*, and with what another source computes."""
    body = {"inputs": {"image": PIXELS.tolist()}}
    for place in ("/predictions/tiny", "/predictions/tiny/12"):
        status, answer = ask(address, place, body)
        assert status == 200
        assert_close(answer["outputs"], want)
    assert ask(address, "/predictions/tiny", b"{")[0] == 400
    status, answer = ask(address, "/predictions/branch/3", {"inputs": {"numbers": [[1]]}})
    assert (status, answer["error"]) == (400, "input numbers is [1, 1]; it has to be ['N', 3]")
    inputs = NETS["branch"].inputs(3)
    listed = {name: array.tolist() for name, array in inputs.items()}
    _, answer = ask(address, "/predictions/branch", {"inputs": listed})
    assert_close(answer["outputs"], branch.run(DEFAULT_SIGNATURE, inputs))
