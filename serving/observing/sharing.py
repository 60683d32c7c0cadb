"""Counts of several server processes that share their ports: whoever is asked tells for all.

Each worker writes its own counts to a file now and then and reads the others'.  One that
was started again goes on from its predecessor's counts, so that none ever goes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.observing.histograms import (
    Buckets,
    Histograms,
    Labels,
    decode_counts,
    encode_counts,
    merged,
)

logger = logging.getLogger(__name__)

PAUSE_S = 1.0
Counts = Mapping[Labels, tuple[Buckets, ...]]


@dataclass(frozen=True, slots=True)
class Place:
    """A worker among its siblings.

    Attributes:
        folder: Where all of them write; nobody else can.
        number: Which one this is, from 1.
        processes: How many there are.
        is_successor: Whether another was there before, and the others serve meanwhile.
        output: Descriptor of the command's standard output.
        local: That of the Unix domain socket, on which all listen; -1 without one.
    """

    folder: Path
    number: int
    processes: int
    is_successor: bool = False
    output: int = 2
    local: int = -1

    @property
    def file(self) -> Path:
        """Its own counts."""
        return self.folder / f"{self.number}.json"

    @property
    def done(self) -> Path:
        """What its versions have done."""
        return self.folder / f"{self.number}.done"


class Shared:
    """One worker's view of everybody's counts."""

    def __init__(self, place: Place, histograms: Histograms) -> None:
        """Take over what a predecessor had counted."""
        self._place = place
        self._histograms = histograms
        self._before = _read(place.file)

    def own(self) -> Counts:
        """Counts of this worker and its predecessors."""
        return merged([self._before, self._histograms.counts()])

    def all(self) -> Counts:
        """Counts of all workers; the others' are a moment old."""
        others = sorted(set(self._place.folder.glob("*.json")) - {self._place.file})
        return merged([self.own(), *map(_read, others)])

    def write(self) -> None:
        """Let the siblings know; replaced at once, so that they never read half."""
        draft = self._place.file.with_suffix(".draft")
        try:
            draft.write_text(encode_counts(self.own()), encoding="utf-8")
            draft.replace(self._place.file)
        except OSError as error:
            logger.warning("the other workers do not learn these counts: %s", error)

    async def write_for_ever(self) -> None:
        """Write now and then, until it is cancelled."""
        while True:
            await asyncio.sleep(PAUSE_S)
            self.write()


def _read(path: Path) -> Counts:
    try:
        return decode_counts(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be read: %s", path, error)
        return {}
