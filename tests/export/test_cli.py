"""``easel export`` as a person and as a script meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from export.cli import main
from model_store.changing import check_parity
from model_store.errors import ExportRefused, InvalidRequest
from model_store.opening import open_store, open_verifier
from model_store.spec import ModelVersion
from model_store.store import Store
from tests.model_store.pictures import encode, three
from tests.model_store.test_signing import write_keys

ROOT = Path(__file__).parents[2]
CONTRACT = ["--size", "8", "--mode", "L", "--scale", "1/255"]


def easel(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "easel.cli", "export", *map(str, arguments)],
        cwd=ROOT, env=os.environ | {"COLUMNS": "120"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="session")
def source(save, sequential):
    return save(sequential, "cli.keras")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "models"


def steps_of(text: str) -> list[str]:
    """The steps that were told, without marks and seconds."""
    marks = ("done ", "failed ")
    return [
        line.split(" ", 1)[1].rsplit(" ", 2)[0]
        for line in text.splitlines()
        if line.startswith(marks)
    ]


def test_json_is_one_object_alone_on_standard_output(source, root):
    done = easel(source, "--name", "tiny", "--store", root, "--json", *CONTRACT)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    value = json.loads(line)
    assert list(value) == [
        "model", "version", "folder", "route", "notes", "parity", "trials",
    ]  # fmt: skip
    assert (value["model"], value["version"]) == ("tiny", 1)
    assert value["folder"] == str(root / "tiny" / "1")
    assert value["parity"]["passed"] is True
    Store(root).verify(ModelVersion("tiny", 1))
    assert steps_of(done.stderr) == [
        "looking at cli.keras",
        "loading cli.keras (Keras 3)",
        "converting to ONNX",
        "proving that the ONNX is equal, on 32 rows of seeded inputs, seed 0",
        "publishing",
    ]
    assert "\x1b" not in done.stderr


def test_a_person_reads_what_was_published_and_how_equal_it_is(source, root, tmp_path, capsys):
    (tmp_path / "labels.txt").write_text("0 cat\n1 dog\n2 bird\n")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "three.png").write_bytes(encode(three()))
    arguments = [source, "--name", "tiny", "--store", root, *CONTRACT]
    arguments += ["--labels", tmp_path / "labels.txt", "--samples", tmp_path / "pictures"]
    assert main([str(argument) for argument in arguments]) == 0
    told = capsys.readouterr()
    out = " ".join(told.out.split())
    assert "tiny/1 published in" in out
    assert "image: uint8[N, 8, 8, 1]" in out
    assert "cat, dog, bird" in out
    assert "samples pictures in pictures" in out
    assert "parity with the source model" in out
    assert out.count("100.00% │ equal") == 4
    assert steps_of(told.err)[-1] == "publishing"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required"),
        (["model.keras"], "--name"),
        (["model.keras", "--name", "../evil"], "'../evil' cannot name a model"),
        (["model.keras", "--name", "x", "--to", "torchscript"], "invalid choice"),
        (["model.keras", "--name", "x", "--mode", "CMYK"], "invalid choice"),
    ],
)
def test_a_command_used_wrongly_is_status_2(arguments, complaint):
    done = easel(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_a_scale_that_is_no_number_is_status_2(tmp_path, source):
    done = easel(source, "--name", "x", "--store", tmp_path, "--scale", "1/zero")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("'1/zero' is not a number like 0.5, -1 or 1/255\n")


def test_a_source_that_is_refused_is_status_1_with_the_step_and_the_reason(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"not a model")
    store = tmp_path / "models"
    done = easel(tmp_path / "model.keras", "--name", "x", "--store", store, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    failed, reason = done.stderr.splitlines()
    assert failed.startswith("failed looking at model.keras ")
    assert reason.startswith("easel export: ")
    assert "no kind of model that is known here" in reason
    assert "Traceback" not in done.stderr
    assert not store.exists()


def test_a_store_that_cannot_be_written_is_status_1_in_one_line(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    tiny = tmp_path / "tiny.onnx"
    x, y = (helper.make_tensor_value_info(name, 1, ("N", 2)) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    imports = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=9), tiny)
    done = easel(tiny, "--name", "tiny", "--store", file)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == f"easel export: {file}/tiny: Not a directory"


def test_a_contract_that_does_not_fit_is_refused_and_publishes_nothing(source, root, capsys):
    with pytest.raises(ExportRefused, match="change --size or --mode"):
        main([str(source), "--name", "tiny", "--store", str(root), "--size", "9"])
    told = capsys.readouterr()
    assert told.out == ""
    assert "failed loading cli.keras" in told.err
    assert not root.exists()


def test_labels_that_do_not_fit_are_refused_and_publish_nothing(source, root, tmp_path, capsys):
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    arguments = [str(source), "--name", "tiny", "--store", str(root), *CONTRACT]
    with pytest.raises(ExportRefused, match="2 class labels for 3 scores"):
        main([*arguments, "--labels", str(tmp_path / "labels.txt")])
    assert "failed loading" in capsys.readouterr().err
    assert not root.exists()


def test_the_name_is_checked_before_anything_is_looked_at():
    with pytest.raises(InvalidRequest, match="cannot name a model"):
        main(["/no/such/file.keras", "--name", "a/b"])


def test_samples_from_an_archive_are_counted(source, root, tmp_path, capsys):
    np.savez(tmp_path / "samples.npz", image=np.zeros((5, 8, 8, 1), np.uint8))
    arguments = [str(source), "--name", "tiny", "--store", str(root), *CONTRACT, "--json"]
    main([*arguments, "--samples", str(tmp_path / "samples.npz")])
    told = capsys.readouterr()
    assert json.loads(told.out)["parity"]["samples"] == "samples.npz, array 'image'"
    assert "is equal, on samples.npz, array 'image'" in told.err


def test_the_exporters_own_process_imports_no_framework():
    code = (
        "import sys; import export.cli; print({'keras', 'tensorflow', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_a_version_goes_into_a_bucket_signed_and_with_its_author(source, tmp_path, capsys):
    private, public = write_keys(tmp_path / "keys")
    url = f"memory://{tmp_path.name}/models"
    arguments = [source, "--name", "tiny", "--store", url, "--json", *CONTRACT]
    arguments += ["--sign-key", private, "--author", "Ana", "--license", "CC0-1.0"]
    assert main([str(argument) for argument in arguments]) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == f"{url}/tiny/1"
    store, model = open_store(url), ModelVersion("tiny", 1)
    manifest = store.verify(model)
    assert (manifest.author, manifest.licence) == ("Ana", "CC0-1.0")
    with store.at_hand(model) as folder:
        open_verifier(public)(folder)
    check_parity(store, model)


def test_a_key_that_is_none_is_told_before_anything_is_loaded(source, root, tmp_path):
    arguments = [source, "--name", "tiny", "--store", root, "--sign-key", tmp_path / "none.pem"]
    with pytest.raises(InvalidRequest, match=r"none\.pem must be an elliptic curve key"):
        main([str(argument) for argument in arguments])
    assert not root.exists()


def test_a_target_that_cannot_be_is_refused_before_the_source_is_loaded(tmp_path, capsys):
    model = min(Path(ROOT, "model_store", "models", "numbers").glob("*/model.onnx"))
    arguments = [str(model), "--name", "n", "--store", str(tmp_path / "models"), "--to", "both"]
    with pytest.raises(ExportRefused, match="ONNX cannot become a SavedModel: choose --to onnx"):
        main(arguments)
    assert "loading" not in capsys.readouterr().err
