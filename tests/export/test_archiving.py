"""``--to mar``: a PyTorch file becomes a proven archive beside the store; the store stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from export.cli import main
from model_store.errors import ExportRefused, InvalidRequest
from tests.torch_nets import NETS


@pytest.fixture(scope="module")
def scripted(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("scripted") / "cnn.pt"
    torch.jit.script(NETS["cnn"].make()).save(path)
    return path


def asked(path: Path, store: object, *more: str) -> list[str]:
    return [
        str(path), "--name", "cnn", "--store", str(store), "--to", "mar",
        "--shape", "image=N,3,16,16", "--size", "16", "--scale", "1/255", *more,
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_archive_lies_beside_the_store_with_its_proof(scripted, tmp_path, capsys):
    store = tmp_path / "models"
    assert main(asked(scripted, store, "--json")) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["model"], said["version"]) == ("cnn", 1)
    archive = tmp_path / "torchserve" / "cnn-1.mar"
    assert said["archive"] == str(archive)
    assert archive.is_file()
    assert said["parity"]["passed"] is True
    proof = json.loads((tmp_path / "torchserve" / "cnn-1.parity" / "parity.json").read_text())
    assert proof == said["parity"]
    assert sorted(path.name for path in archive.parent.iterdir()) == ["cnn-1.mar", "cnn-1.parity"]
    assert not store.exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_archive_has_the_number_of_the_version_of_the_same_source(scripted, tmp_path, capsys):
    store = tmp_path / "models"
    arguments = asked(scripted, store)
    for _ in range(2):
        assert main([part if part != "mar" else "onnx" for part in arguments]) == 0
    assert main(arguments) == 0
    assert "cnn/2 archived in" in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "torchserve" / "cnn-2.mar").is_file()


def test_only_pytorch_becomes_an_archive(tmp_path, save, sequential):
    with pytest.raises(ExportRefused, match="made of PyTorch's files; this is Keras 3: choose"):
        main(
            [
                str(save(sequential, "a.keras")),
                "--name",
                "a",
                "--store",
                str(tmp_path),
                "--to",
                "mar",
            ]
        )


def test_an_archive_needs_a_folder(scripted):
    with pytest.raises(InvalidRequest, match="which must be a folder: memory://shelf"):
        main(asked(scripted, "memory://shelf"))
