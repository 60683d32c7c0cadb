"""A server that loads only what a key has signed."""

from __future__ import annotations

import pytest

from model_store.errors import InvalidRequest
from model_store.opening import open_seal, open_signer
from tests.model_store.test_signing import write_keys
from tests.serving.load import under_load
from tests.serving.processes import serving
from tests.support import publish_linear, read_until, running_server


@pytest.fixture(autouse=True)
def with_model_signing(monkeypatch) -> None:
    """The light environment has none, as the extra is not the server's."""
    monkeypatch.delenv("EASEL_RUNTIME_PYTHON", raising=False)


def publish_signed(root, key, factor: int) -> None:
    publish_linear(root, factor=factor)
    folder = root / "double" / str(factor)
    open_seal(key)(folder)


def test_only_what_the_key_has_signed_is_served_and_a_signature_may_come_later(tmp_path):
    private, public = write_keys(tmp_path / "keys")
    stranger, _ = write_keys(tmp_path / "stranger")
    root = tmp_path / "models"
    publish_signed(root, private, 1)
    with serving(root, "--trusted_key", str(public)) as (process, address):
        with under_load(address, callers=1) as load:
            load.wait_for(1)
            publish_signed(root, stranger, 2)
            read_until(process, "is not signed by public.pem")
            publish_linear(root, factor=3)
            read_until(process, "3 is not signed")
            load.wait_for_last(1)
            folder = root / "double" / "3"
            open_signer(private)(folder, folder / "model.sig")
            load.wait_for(3)
    assert load.failures == []


def test_a_key_that_is_none_is_told_at_the_start(tmp_path):
    publish_linear(tmp_path / "models")
    with pytest.raises(InvalidRequest, match=r"none\.pem must be an elliptic curve key"):
        with running_server(tmp_path / "models", trusted_key=str(tmp_path / "none.pem")):
            pass
