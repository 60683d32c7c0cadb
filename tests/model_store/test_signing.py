"""Signatures: made with one key, checked with the other, over everything in the folder."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from model_store.errors import BadVersion, InvalidRequest
from model_store.opening import open_seal, open_signer, open_verifier
from model_store.spec import ModelVersion
from model_store.store import Store
from tests.model_store.publishing import describe

FIRST = ModelVersion("numbers", 1)


def write_keys(folder: Path, key=None, encryption=None) -> tuple[Path, Path]:
    """A private and a public key in PEM files."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    folder.mkdir(exist_ok=True)
    private, public = folder / "private.pem", folder / "public.pem"
    private.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.fixture(scope="session")
def keys(tmp_path_factory) -> tuple[Path, Path]:
    return write_keys(tmp_path_factory.mktemp("keys"))


def publish_signed(store: Store, key: Path) -> Path:
    with store.publishing("numbers", open_seal(key)) as (folder, finish):
        (folder / "variables").mkdir()
        (folder / "variables" / "data").write_bytes(b"weights")
        (folder / ".gitignore").write_bytes(b"*")
        return store.folder(finish(lambda model: describe(folder, model)))


@pytest.fixture
def signed(keys, tmp_path) -> Path:
    """The folder of a signed version."""
    return publish_signed(Store(tmp_path / "models"), keys[0])


def test_a_signed_version_is_whole_and_its_signature_right(signed, keys, tmp_path):
    open_verifier(keys[1])(signed)
    manifest = Store(tmp_path / "models").verify(FIRST)
    assert manifest.files.keys() == {"variables/data", ".gitignore"}
    assert (signed / "model.sig").is_file()


def test_another_key_or_no_signature_is_told(signed, tmp_path):
    _, other = write_keys(tmp_path / "other")
    with pytest.raises(BadVersion, match=r"is not signed by public\.pem"):
        open_verifier(other)(signed)
    (signed / "model.sig").unlink()
    with pytest.raises(BadVersion, match="is not signed"):
        open_verifier(other)(signed)


def alter(folder: Path) -> None:
    (folder / "variables" / "data").write_bytes(b"Weights")


def add(folder: Path) -> None:
    (folder / "more").touch()


def lose(folder: Path) -> None:
    (folder / ".gitignore").unlink()


def say_something_else(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"tag": ""', '"tag": "safe"'))


def break_signature(folder: Path) -> None:
    (folder / "model.sig").write_text("{")


def sign_other_bytes(folder: Path) -> None:
    bundle = json.loads((folder / "model.sig").read_text())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    statement["predicate"]["serialization"]["ignore_paths"].append("variables")
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    bundle["dsseEnvelope"]["payload"] = payload
    (folder / "model.sig").write_text(json.dumps(bundle))


@pytest.mark.parametrize(
    "change", [alter, add, lose, say_something_else, break_signature, sign_other_bytes]
)
def test_whatever_is_changed_in_the_folder_is_told(signed, keys, change):
    change(signed)
    with pytest.raises(BadVersion, match="is not signed by"):
        open_verifier(keys[1])(signed)


def test_a_right_signature_that_leaves_something_out_is_told(signed, keys):
    (signed / "model.sig").unlink()
    command = [
        sys.executable, "-m", "model_signing", "sign", "key", str(signed),
        "--private_key", str(keys[0]), "--signature", str(signed / "model.sig"),
        "--ignore-paths", str(signed / "manifest.json"),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    with pytest.raises(BadVersion, match="is not under the signature"):
        open_verifier(keys[1])(signed)


def test_the_librarys_own_tool_takes_our_signatures(signed, keys):
    command = [
        sys.executable, "-m", "model_signing", "verify", "key", str(signed),
        "--public_key", str(keys[1]), "--signature", str(signed / "model.sig"),
        "--no-ignore-git-paths",
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_signed_version_under_another_number_is_no_version(signed, keys, tmp_path):
    shutil.copytree(signed, signed.parent / "7")
    open_verifier(keys[1])(signed.parent / "7")
    with pytest.raises(BadVersion, match="says it is numbers/1"):
        Store(tmp_path / "models").verify(ModelVersion("numbers", 7))


def test_a_signature_may_not_be_a_link(signed, tmp_path):
    (signed / "model.sig").rename(tmp_path / "moved")
    (signed / "model.sig").symlink_to(tmp_path / "moved")
    with pytest.raises(BadVersion, match=r"model\.sig is not in the manifest"):
        Store(tmp_path / "models").verify(FIRST)


def test_what_is_no_key_is_a_wrong_use(keys, tmp_path):
    encrypted = BestAvailableEncryption(b"secret")
    rsa_keys = write_keys(tmp_path / "rsa", rsa.generate_private_key(65537, 2048))
    locked, _ = write_keys(tmp_path / "locked", encryption=encrypted)
    odd = write_keys(tmp_path / "odd", ec.generate_private_key(ec.SECP256K1()))
    (tmp_path / "text.pem").write_text("no key")
    for private in (rsa_keys[0], locked, odd[0], keys[1], tmp_path / "text.pem", tmp_path / "no"):
        with pytest.raises(InvalidRequest, match="must be an elliptic curve key.*the private one"):
            open_signer(private)
    for public in (rsa_keys[1], odd[1], keys[0], tmp_path / "text.pem", tmp_path / "no"):
        with pytest.raises(InvalidRequest, match="must be an elliptic curve key.*the public one"):
            open_verifier(public)
