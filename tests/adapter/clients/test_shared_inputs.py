"""Inputs in shared memory: a real server reads them; one that will not gets them sent."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from adapter.clients import shared_inputs
from adapter.clients.http1 import HttpClient
from adapter.clients.oip_http import OipHttpClient
from adapter.clients.places import Place
from adapter.clients.servers import Address
from model_store.errors import EaselError
from serving.api.regions import FOLDER
from tests.support import BUNDLED_STORE, RunningServer, running_server

GOLDEN = np.load(BUNDLED_STORE / "numbers" / "1" / "golden.npz")
# Enough that it is worth the while.
IMAGES, SCORES = (
    np.tile(GOLDEN[name], (2, *[1] * (GOLDEN[name].ndim - 1)))
    for name in ("input:image", "output:scores")
)
TIMEOUT_S = 30.0

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no /dev/shm here")


@pytest.fixture(scope="module")
def prefix() -> str:
    return f"/easel-test-{uuid4().hex}-"


@pytest.fixture(scope="module")
def server(prefix) -> Iterator[RunningServer]:
    with running_server(BUNDLED_STORE, shared_memory=prefix) as running:
        yield running


@pytest.fixture
def posted(monkeypatch) -> list[tuple[str, int]]:
    """Path and body's length of each request that was made."""
    made: list[tuple[str, int]] = []
    post = HttpClient.post

    def noted(self, path, headers, body, *, timeout_s):
        made.append((path, sum(map(len, body))))
        return post(self, path, headers, body, timeout_s=timeout_s)

    monkeypatch.setattr(HttpClient, "post", noted)
    return made


def place(server: RunningServer) -> Place:
    host, _, port = server.http.rpartition(":")
    return Place(Address(host, int(port)), host)


@contextmanager
def client_of(server: RunningServer, prefix: str) -> Iterator[OipHttpClient]:
    with closing(OipHttpClient(place(server), prefix)) as client:
        yield client


def predict(client: OipHttpClient, images: np.ndarray = IMAGES) -> np.ndarray:
    answered = client.predict("numbers", None, {"image": images}, timeout_s=TIMEOUT_S)
    return answered.outputs["scores"]


def lengths(posted: list[tuple[str, int]]) -> list[int]:
    return [length for path, length in posted if path.endswith("/infer")]


def test_a_picture_is_not_sent_and_answered_alike(server, prefix, posted):
    with client_of(server, prefix) as client:
        for images, scores in ((IMAGES, SCORES), (IMAGES[::-1], SCORES[::-1]), (IMAGES, SCORES)):
            np.testing.assert_allclose(
                predict(client, np.ascontiguousarray(images)), scores, atol=1e-5
            )
        assert max(lengths(posted)) < 500
        assert sum(path.endswith("/register") for path, _ in posted) == 1
    assert posted[-1][0].endswith("/unregister")


def test_nothing_is_left_in_the_folder(server, prefix):
    with client_of(server, prefix) as client:
        predict(client)
        assert not list(FOLDER.glob(f"{prefix[1:]}*"))


def test_requests_at_the_same_time_have_memory_of_their_own(server, prefix):
    with client_of(server, prefix) as client, ThreadPoolExecutor(8) as pool:

        def shifted(by: int) -> None:
            order = np.roll(np.arange(len(IMAGES)), by)
            np.testing.assert_allclose(predict(client, IMAGES[order]), SCORES[order], atol=1e-5)

        list(pool.map(shifted, range(100)))


def test_what_is_small_or_very_large_is_sent(server, prefix, posted):
    with client_of(server, prefix) as client:
        predict(client, IMAGES[:1])
        predict(client, np.repeat(IMAGES, 60, axis=0))
    assert [length > 700 for length in lengths(posted)] == [True, True]
    assert len(posted) == 2


@pytest.mark.parametrize("other", ["/somebody-else-", "/no/folder/"])
def test_a_server_that_will_not_is_sent_everything_and_not_asked_again(server, posted, other):
    with client_of(server, other) as client:
        for _ in range(3):
            np.testing.assert_allclose(predict(client), SCORES, atol=1e-5)
    assert min(lengths(posted)) > IMAGES.nbytes
    assert sum(path.endswith("/register") for path, _ in posted) == (other != "/no/folder/")


def test_a_server_that_has_forgotten_is_sent_it_and_learns_it_anew(server, prefix, posted):
    with client_of(server, prefix) as client:
        predict(client)
        regions = [path.removesuffix("/register") for path, _ in posted if "register" in path]
        with closing(HttpClient(place(server))) as other:
            for region in regions:
                other.post(f"{region}/unregister", b"", [], timeout_s=TIMEOUT_S)
        posted.clear()
        np.testing.assert_allclose(predict(client), SCORES, atol=1e-5)
        np.testing.assert_allclose(predict(client), SCORES, atol=1e-5)
    sent = lengths(posted)
    assert [length > IMAGES.nbytes for length in sent] == [False, True, False]


def test_memory_is_used_again_after_a_failure(server, prefix, posted):
    with client_of(server, prefix) as client:
        for _ in range(3):
            with pytest.raises(EaselError):
                client.predict("nope", None, {"image": IMAGES}, timeout_s=TIMEOUT_S)
        predict(client)
    assert sum(path.endswith("/register") for path, _ in posted) == 1


def test_no_more_is_kept_than_is_of_use(server, prefix, posted, monkeypatch):
    monkeypatch.setattr(shared_inputs, "_KEPT", 1)
    http = HttpClient(place(server))
    shared = shared_inputs.SharedInputs(http, prefix)
    slots = [shared.take({"image": IMAGES}) for _ in range(3)]
    for slot in slots:
        assert slot is not None
        shared.give(slot)
    assert sum(path.endswith("/unregister") for path, _ in posted) == 2
    shared.close()
    http.close()
    assert sum(path.endswith("/unregister") for path, _ in posted) == 3


def is_open(descriptor: int) -> bool:
    """Whether it still is the memory that it was; its number may be somebody else's by now."""
    with suppress(OSError):
        return FOLDER in Path(f"/proc/self/fd/{descriptor}").readlink().parents
    return False


def test_where_there_is_no_memory_left_the_picture_is_sent(server, prefix, posted, monkeypatch):
    descriptors: list[int] = []

    def full(descriptor: int, offset: int, length: int) -> None:
        descriptors.append(descriptor)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with client_of(server, prefix) as client:
        np.testing.assert_allclose(predict(client), SCORES, atol=1e-5)
    assert lengths(posted)[0] > IMAGES.nbytes
    assert [is_open(each) for each in descriptors] == [False]
    assert not list(FOLDER.glob(f"{prefix[1:]}*"))
