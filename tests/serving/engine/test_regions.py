"""Regions of shared memory: what may be registered, and that bytes are read and written in place."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.errors import InvalidRequest, PermissionDenied, RegionExists, RegionNotFound
from serving.api.regions import Region, Span
from serving.engine import regions as module
from serving.engine.regions import Regions

SIZE = 4096


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine-1").write_bytes(bytes(range(256)) * (SIZE // 256))
    (tmp_path / "theirs").write_bytes(bytes(SIZE))
    (tmp_path / "mine-link").symlink_to(tmp_path / "theirs")
    (tmp_path / "mine-folder").mkdir()
    os.mkfifo(tmp_path / "mine-pipe")
    return tmp_path


@pytest.fixture
def regions(folder: Path) -> Iterator[Regions]:
    with closing(Regions("/", folder=folder)) as opened:
        yield opened


def open_below(folder: Path) -> list[str]:
    """What this process holds open below `folder`; files of other tests may close meanwhile."""
    held: list[Path] = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            held.append(descriptor.readlink())
    return [path.name for path in held if path.is_relative_to(folder)]


def region(name="r", key="/mine-1", offset=0, byte_size=SIZE) -> Region:
    return Region(name, key, offset, byte_size)


@given(
    begin=st.integers(0, SIZE - 1), size=st.integers(1, SIZE), at=st.integers(0, SIZE),
    length=st.integers(0, SIZE),
)  # fmt: skip
def test_a_span_within_its_region_is_what_was_put_there_and_no_other_can_be_had(
    tmp_path_factory, begin, size, at, length
):
    folder = tmp_path_factory.mktemp("shared")
    (folder / "one").write_bytes(bytes(SIZE))
    with closing(Regions("/", folder=folder)) as regions:
        span = Span("r", length, at)
        if begin + size > SIZE:
            with pytest.raises(InvalidRequest, match="Invalid shared memory region: 'one'"):
                regions.register(region(key="one", offset=begin, byte_size=size))
            return
        regions.register(region(key="one", offset=begin, byte_size=size))
        if at + length > size:
            for use in (regions.check, regions.read, lambda span: regions.write(span, b"")):
                with pytest.raises(InvalidRequest, match="Invalid offset"):
                    use(span)
            return
        data = bytes(number % 251 + 1 for number in range(length))
        regions.write(span, data)
        assert regions.read(span) == data
        whole = (folder / "one").read_bytes()
        assert whole == data.rjust(begin + at + length, b"\0").ljust(SIZE, b"\0")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"key": "/nope"}, "Unable to open shared memory region: '/nope'"),
        ({"key": "mine-link"}, "Unable to open"),
        ({"key": "mine-folder"}, "Unable to open"),
        ({"key": "../shm/mine-1"}, "Unable to open"),
        ({"key": "mine-1/../theirs"}, "Unable to open"),
        ({"key": ".."}, "Unable to open"),
        ({"key": ""}, "Unable to open"),
        ({"key": "a\0b"}, "Unable to open"),
        ({"key": "\ud800"}, "Unable to open"),
        ({"key": "mine-pipe", "byte_size": 1}, "Invalid shared memory region"),
        ({"byte_size": 0}, "Invalid shared memory region"),
        ({"byte_size": SIZE + 1}, "it has 4096 bytes"),
        ({"offset": SIZE, "byte_size": 0}, "Invalid shared memory region"),
        ({"offset": 2**62, "byte_size": 2**62}, "Invalid shared memory region"),
        ({"name": ""}, "needs a name"),
    ],
)
def test_what_cannot_be_registered_is_refused_and_leaves_nothing_open(
    regions, folder, wrong, words
):
    with pytest.raises(InvalidRequest, match=words):
        regions.register(region(**wrong))
    assert regions.all() == ()
    assert open_below(folder) == []


def test_what_is_registered_is_open_until_it_is_not(regions, folder):
    regions.register(region())
    assert open_below(folder) == ["mine-1"]
    regions.unregister("r")
    assert open_below(folder) == []


def test_a_name_is_registered_once_and_can_be_anew(regions):
    regions.register(region())
    with pytest.raises(RegionExists, match="shared memory region 'r' already in manager"):
        regions.register(region(key="/theirs"))
    assert regions.all() == (region(),)
    regions.unregister("r")
    regions.unregister("r")
    with pytest.raises(RegionNotFound, match="Unable to find shared memory region: 'r'"):
        regions.read(Span("r", 1))
    regions.register(region(key="/theirs"))
    regions.register(region("s"))
    regions.unregister("")
    assert regions.all() == ()


def test_only_objects_of_the_prefix_can_be_registered(folder):
    with closing(Regions("/mine-", folder=folder)) as regions:
        regions.register(region(key="mine-1"))
        for key in ("theirs", "/theirs", "", "/min", "//mine-1"):
            with pytest.raises(PermissionDenied, match="not what this server was started to share"):
                regions.register(region("s", key))
        assert (regions.is_open, regions.is_told) == (True, False)


def test_without_a_prefix_nothing_is_shared(folder):
    regions = Regions(folder=folder)
    assert not regions.is_open
    with pytest.raises(PermissionDenied):
        regions.register(region())


def test_an_object_that_became_shorter_is_a_mistake_and_stays_as_it_is(regions, folder):
    regions.register(region())
    os.truncate(folder / "mine-1", 10)
    assert regions.read(Span("r", 10)) == bytes(range(10))
    with pytest.raises(InvalidRequest, match="shorter than it was"):
        regions.read(Span("r", 11))
    with pytest.raises(InvalidRequest, match="shorter than it was"):
        regions.write(Span("r", 5), b"abcde")
    assert (folder / "mine-1").stat().st_size == 10


def test_a_region_whose_owner_is_no_more_is_forgotten(regions, folder):
    with (folder / "mine-1").open("rb") as owner:
        fcntl.flock(owner, fcntl.LOCK_SH)
        regions.register(region("owned"))
        regions.register(region("other", "/theirs"))
        (folder / "mine-1").unlink()
        assert regions.read(Span("owned", 3, 1)) == b"\1\2\3"
    regions.register(region("new", "/theirs"))
    assert [each.name for each in regions.all()] == ["other", "new"]


def test_there_are_only_so_many(regions, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 2)
    regions.register(region("a"))
    regions.register(region("b"))
    with pytest.raises(InvalidRequest, match="there are 2 shared memory regions"):
        regions.register(region("c"))
