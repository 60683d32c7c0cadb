"""The file of keys, changed while it is in use."""

from __future__ import annotations

import pytest

from adapter.access.key_file import KeyFile
from adapter.access.keys import KeyRing, new_key, write_ring
from model_store.errors import InvalidRequest


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def put(path, *keys):
    path.write_bytes(write_ring(KeyRing({key.id: key for key in keys})))


def test_a_change_counts_a_second_later(tmp_path, clock):
    path = tmp_path / "keys.json"
    (one, first), (two, second) = new_key("one", (), ""), new_key("two", (), "")
    put(path, one)
    keys = KeyFile(path, clock)
    assert keys.ring().find(first)
    put(path, two)
    assert keys.ring().find(first)
    clock.now = 1.1
    assert keys.ring().find(first) is None
    assert keys.ring().find(second)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"keys": 5}', None])
def test_a_file_that_is_damaged_or_gone_changes_nothing_and_is_told(
    tmp_path, clock, caplog, damage
):
    path = tmp_path / "keys.json"
    one, first = new_key("one", (), "")
    put(path, one)
    keys = KeyFile(path, clock)
    keys.ring()
    path.unlink() if damage is None else path.write_bytes(damage)
    clock.now = 1.1
    assert keys.ring().find(first)
    assert "stay as they were" in caplog.text
    two, second = new_key("two", (), "")
    put(path, two)
    clock.now = 2.2
    assert keys.ring().find(second)


@pytest.mark.parametrize("damage", [b"{", None])
def test_without_any_good_file_it_is_said_how_to_make_one(tmp_path, damage):
    path = tmp_path / "keys.json"
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(InvalidRequest, match="make it with `easel keys add NAME`"):
        KeyFile(path).ring()
