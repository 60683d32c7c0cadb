"""57 photographs of animals with their names, out of a teaching program's Debian package.

GCompris keeps its authors and licences beside them (public domain, CC0, CC BY, CC BY-SA);
fetched when a recipe runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from export.recipes.packages import Package
from export.recipes.resources import read_deb, read_rcc

PACKAGE = Package(
    client="apt",
    name="gcompris-qt-data=3.1-2",
    file="gcompris-qt-data_3.1-2_all.deb",
    sha256="e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f",
)
_COLLECTIONS = ("explore_farm_animals", "explore_world_animals", "erase")
_FOLDER = "usr/share/gcompris-qt/rcc"

# The ImageNet classes that are a right answer to each file's name: the animal itself, its
# breeds or kinds, its young and its sexes.  Two classes are both called tabby cat.
ACCEPTED: Mapping[str, tuple[int, ...]] = {
    "cat": tuple(range(281, 286)), "kitten": tuple(range(281, 286)),
    "dog": tuple(range(151, 269)), "pig": (341,), "sheep": (348,), "goat": (350,),
    "cow": (345,), "calf": (345,), "horse": (339,), "chicken": (7, 8), "duck": (97,),
    "gosling": (99,), "owl": (24,), "swans": (100,),
    "crocodile": (49,), "koala": (105,), "bison": (347,), "dragon": (48,), "jaguar": (290,),
    "kangaroo": (104,), "panda": (388,), "chameleon": (47,), "chamaeleon": (47,),
    "lemur": (383,), "polar_bear": (296,), "scarlet_macaw": (88,),
    "gorilla": (366,), "penguin": (145,), "nubian_ibex": (350,), "camels": (354,),
    "macaque": (373,), "long_nosed_monkey": (376,), "gibbon": (368,), "cheetah": (293,),
    "meerkats": (299,), "red_panda": (387,), "squirrel": (335,), "toucan": (96,),
    "heron": (131,), "spoonbills": (129,), "bee": (309,), "alpaca": (355,),
    "butterfly": tuple(range(321, 327)), "crab": tuple(range(118, 122)),
}  # fmt: skip
# ImageNet-1k has no class for these, so that no answer could be right.
WITHOUT_A_CLASS = (
    "giraffe", "moose", "narwhal", "hedgehog", "dolphin", "northern_harrier", "pika",
    "caterpillar", "kingfisher", "flying_fox", "rhinoceros",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Photograph:
    """One animal.

    Attributes:
        name: The file's name, which is the animal's.
        content: WebP.
        accepted: ImageNet classes that are right; empty if none could be.
    """

    name: str
    content: bytes
    accepted: tuple[int, ...]


def load(package: Path) -> tuple[Photograph, ...]:
    """Every photograph in the package, by collection and name.

    Raises:
        ExportRefused: The package holds something else.
    """
    names = tuple(f"{_FOLDER}/{collection}.rcc" for collection in _COLLECTIONS)
    found = read_deb(package, names)
    files = [item for name in names for item in sorted(read_rcc(found[name]).items())]
    photographs = ((PurePosixPath(path), content) for path, content in files)
    return tuple(
        Photograph(path.stem, content, ACCEPTED.get(path.stem, ()))
        for path, content in photographs
        if path.suffix == ".webp"
    )
