"""Versions come and go, and servers end, while pictures are classified: nobody notices."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.deadline import Deadline
from adapter.decoding import DecodingRoom
from adapter.ports import ModelServer
from model_store.contract import ImageContract
from model_store.digests import digest_folder
from model_store.images.limits import ImageLimits
from model_store.manifest import Manifest
from model_store.spec import DEFAULT_SIGNATURE, Signature, TensorSpec
from model_store.store import Store
from tests.adapter.clients.grpc_server import opened
from tests.model_store.pictures import DIGIT, encode, three
from tests.serving.processes import serving
from tests.support import running_server, save_graph

PICTURE = encode(three())
MODEL = "changing"


def publish(root: Path, number: int) -> None:
    """A version that has its number as its only sure label, and a picture size of its own."""
    contract = ImageContract(
        tensor=DIGIT.tensor, size=(8 + number % 3, 8), mode="L", background=DIGIT.background
    )
    image = TensorSpec(contract.tensor, "uint8", (None, *contract.shape))
    scores = TensorSpec("scores", "float32", (None, 2))
    with Store(root).publishing(MODEL) as (folder, finish):
        _save_graph(folder / "model.onnx", image)
        (folder / "labels.txt").write_text(f"nothing\nversion {number}\n")
        finish(
            lambda model: Manifest(
                model=model,
                format="onnx",
                created="2026-01-01T00:00:00+00:00",
                signatures={DEFAULT_SIGNATURE: Signature((image,), (scores,))},
                files=digest_folder(folder),
                input_contract=contract,
                labels_file="labels.txt",
            )
        )


def _save_graph(path: Path, image: TensorSpec) -> None:
    pixels = int(np.prod(image.shape[1:]))
    constants = {
        "flat": np.array([-1, pixels], np.int64),
        "weights": np.zeros((pixels, 2), np.float32),
        "bias": np.array([0.1, 0.9], np.float32),
    }
    nodes = [
        helper.make_node("Cast", [image.name], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["float", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["zeros"]),
        helper.make_node("Add", ["zeros", "bias"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes, "sure",
        [helper.make_tensor_value_info(image.name, TensorProto.UINT8, ["N", *image.shape[1:]])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    save_graph(path, graph)


def label(root: Path, **labels: int) -> None:
    written = root / MODEL / "deployment.new"
    written.write_text(json.dumps({"labels": labels}))
    written.rename(root / MODEL / "deployment.json")


@dataclass
class Load:
    """Pictures that are classified over and over, and what became of them."""

    answers: Counter = field(default_factory=Counter)
    failures: list[BaseException] = field(default_factory=list)
    more: threading.Condition = field(default_factory=threading.Condition)
    is_over: bool = False

    def run(self, classifier: Classifier) -> None:
        while not self.is_over:
            try:
                found = classifier.classify(MODEL, PICTURE, Deadline.after(30))
                assert found.predictions[0].label == f"version {found.model.number}"
            except BaseException as error:
                self.failures.append(error)
            with self.more:
                self.answers[found.model.number] += 1
                self.more.notify_all()

    def wait_for(self, number: int, answers: int = 1) -> None:
        """Return when version *number* has answered so many times more."""
        with self.more:
            wanted = self.answers[number] + answers
            assert self.more.wait_for(lambda: self.answers[number] >= wanted, 60)


@contextmanager
def under_load(root: Path, server: ModelServer):
    classifier, load = Classifier(Catalogue(root), server, DecodingRoom(ImageLimits())), Load()
    threads = [threading.Thread(target=load.run, args=(classifier,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.is_over = True
        for thread in threads:
            thread.join()
        server.close()


@pytest.fixture
def root(tmp_path):
    publish(tmp_path / "models", 1)
    return tmp_path / "models"


@pytest.mark.parametrize("scheme", ["tfs", "oip", "oip+http"])
def test_every_label_is_of_the_version_that_answered_and_no_picture_is_lost(root, scheme):
    with running_server(root) as easel:
        with under_load(root, opened(f"{scheme}://{easel.address}")) as load:
            load.wait_for(1)
            for number in (2, 3, 4, 5):
                publish(root, number)
                load.wait_for(number, answers=20)
            label(root, stable=5, older=3)
            for stable in (3, 5, 3):
                label(root, stable=stable, older=3, newer=5)
                load.wait_for(stable, answers=20)
    assert load.failures == []


def test_one_of_two_servers_is_killed_and_no_picture_is_lost(root):
    with serving(root) as (first, here), running_server(root) as second:
        with under_load(root, opened(f"tfs://{here};{second.address}")) as load:
            load.wait_for(1, answers=50)
            first.send_signal(signal.SIGKILL)
            load.wait_for(1, answers=200)
    assert load.failures == []


def test_one_of_two_servers_drains_and_ends_and_no_picture_is_lost(root):
    with running_server(root) as first, ExitStack() as second:
        there = second.enter_context(running_server(root)).address
        with under_load(root, opened(f"oip://{first.address};{there}")) as load:
            load.wait_for(1, answers=50)
            second.close()
            load.wait_for(1, answers=50)
    assert load.failures == []
