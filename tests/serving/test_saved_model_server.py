"""A SavedModel served by a real process: several signatures, kills, and the end."""

from __future__ import annotations

import os
import select
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from model_store.digests import digest_folder
from model_store.manifest import Manifest
from model_store.spec import Signature, TensorSpec
from model_store.store import Store
from serving.api import tfs
from serving.api.calls import Answer, ModelRef, Prediction
from tests.serving.engine.graphs import strings
from tests.support import easel, free_port, publish_linear, read_until

DENSE = Signature(
    (TensorSpec("x", "float32", (None, 2)),), (TensorSpec("y", "float32", (None, 2)),)
)
LOOK_UP = Signature(
    (TensorSpec("words", "bytes", (None,)),),
    (TensorSpec("ids", "int64", (None,)), TensorSpec("upper", "bytes", (None,))),
)
ONES = np.ones((2, 2), np.float32)


def publish_many(store: Path, saved_models: Path) -> None:
    """Publish two signatures of the model, with golden samples of one."""
    with Store(store).publishing("many") as (folder, publish):
        shutil.copytree(saved_models / "many", folder, dirs_exist_ok=True)
        np.savez(
            folder / "golden.npz",
            **{
                "look_up/input:words": np.array([b"dog", b"fish"]),
                "look_up/output:ids": np.array([1, 2]),
                "look_up/output:upper": np.array([b"DOG", b"FISH"]),
            },
        )
        publish(
            lambda model: Manifest(
                model=model,
                format="saved_model",
                created="2026-01-01T00:00:00+00:00",
                signatures={"dense": DENSE, "look_up": LOOK_UP},
                files=digest_folder(folder),
                golden_file="golden.npz",
            )
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory, saved_models) -> Iterator[tuple[int, grpc.Channel]]:
    """Its process number and a channel to it; it serves ``many`` and ``double``."""
    store = tmp_path_factory.mktemp("store")
    publish_many(store, saved_models)
    publish_linear(store)
    port = free_port()
    with easel(
        "serve", "--store", str(store), "--port", str(port), "--rest-api-port", "0"
    ) as process:
        read_until(process, "(gRPC")
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield process.pid, channel


def worker_of(server: int) -> int:
    """The server's only child; 0 while it has none."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    threads = Path(f"/proc/{server}/task").iterdir()
    for each in threads:
        children += (each / "children").read_text().split()
    return int(children[0]) if children else 0


def predict(channel: grpc.Channel, model: str, signature: str, **inputs: np.ndarray) -> Answer:
    call = channel.unary_unary(tfs.PREDICT)
    prediction = Prediction(ModelRef(model), inputs, signature=signature)
    return tfs.decode_predict_response(call(tfs.encode_predict_request(prediction), timeout=60))


def test_a_client_names_the_signature_and_gets_its_outputs(server):
    _, channel = server
    dense = predict(channel, "many", "dense", x=ONES)
    np.testing.assert_array_equal(dense.outputs["y"], [[4, 6], [4, 6]])
    assert dense.outputs.keys() == {"y"}
    found = predict(channel, "many", "look_up", words=strings("cat", b"\xff"))
    assert found.outputs["ids"].tolist() == [0, -1]
    assert found.outputs["upper"].tolist() == [b"CAT", b"\xff"]


def test_a_signature_that_the_manifest_does_not_name_is_not_served(server):
    _, channel = server
    for signature in ("norm", "serving_default"):
        with pytest.raises(grpc.RpcError) as caught:
            predict(channel, "many", signature, v=np.ones(3, np.float32))
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert caught.value.details() == f'Serving signature key "{signature}" not found.'


def test_a_worker_that_is_killed_under_load_disturbs_nobody_else_and_comes_back(server):
    process, channel = server
    first = worker_of(process)
    failures: dict[str, list[grpc.RpcError]] = {"many": [], "double": []}
    was_down, is_back = threading.Event(), threading.Event()

    def load(model: str, signature: str, inputs: dict[str, np.ndarray]) -> None:
        while not is_back.is_set():
            try:
                predict(channel, model, signature, **inputs)
            except grpc.RpcError as error:
                failures[model].append(error)
                was_down.set()
                is_back.wait(0.05)
            else:
                if model == "many" and was_down.is_set():
                    is_back.set()

    threads = [
        threading.Thread(target=load, args=("many", "dense", {"x": ONES})),
        threading.Thread(target=load, args=("many", "look_up", {"words": strings("cat")})),
        threading.Thread(
            target=load, args=("double", "serving_default", {"x": np.ones((1, 3), np.float32)})
        ),
    ]
    for thread in threads:
        thread.start()
    os.kill(first, signal.SIGKILL)
    for thread in threads:
        thread.join(60)
    assert is_back.is_set()
    assert failures["double"] == []
    assert {error.code() for error in failures["many"]} == {grpc.StatusCode.UNAVAILABLE}
    assert worker_of(process) not in (0, first)


def test_the_worker_ends_with_its_server_even_when_that_is_killed(server):
    process, _ = server
    worker = worker_of(process)
    handle = os.pidfd_open(worker)
    try:
        os.kill(process, signal.SIGKILL)
        assert select.select([handle], [], [], 30)[0] == [handle]
    finally:
        os.close(handle)
