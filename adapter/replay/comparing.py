"""Counts where two versions agree, where they do not, and who of them is right."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from adapter.replay.cases import Answer, Case


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one case.

    Attributes:
        case: The picture.
        before: What the log, or the version to compare with, says; None if nobody was asked.
        after: What the version says; None if it failed.
        failure: Why one of them has no answer; empty where none failed.
    """

    case: Case
    before: Answer | None
    after: Answer | None
    failure: str = ""

    @property
    def disagrees(self) -> bool:
        """Whether both have an answer, and another one."""
        before, after = self.before, self.after
        return before is not None and after is not None and before.label != after.label


@dataclass(slots=True)
class Rights:
    """What feedback says, of the pictures that both have answered."""

    both: int = 0
    only_before: int = 0
    only_after: int = 0
    neither: int = 0

    @property
    def count(self) -> int:
        """How many pictures have feedback."""
        return self.both + self.only_before + self.only_after + self.neither


@dataclass(slots=True)
class Comparison:
    """The result so far.

    Attributes:
        agreed: How many pictures both call the same.
        confusion: How many were called the first before and the second after.
        called: How many each label was given to before.
        failures: How many have no answer, by reason.
        rights: What feedback says of those that both have answered.
        alone: Of pictures that came with feedback and without an answer: right after, or wrong.
        worst: The disagreements of which both are most sure, as a heap.
    """

    most: int
    agreed: int = 0
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    rights: Rights = field(default_factory=Rights)
    alone: Counter[bool] = field(default_factory=Counter)
    worst: list[tuple[float, int, Outcome]] = field(default_factory=list)

    @property
    def disagreed(self) -> int:
        """How many pictures get another label."""
        return self.confusion.total()

    @property
    def compared(self) -> int:
        """How many pictures have two answers."""
        return self.agreed + self.disagreed

    @property
    def agreement(self) -> float | None:
        """The share of compared pictures that get the same label; None without any."""
        return self.agreed / self.compared if self.compared else None

    @property
    def worst_first(self) -> tuple[Outcome, ...]:
        """The worst disagreements, the worst first."""
        return tuple(outcome for _, _, outcome in sorted(self.worst, reverse=True))

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        before, after, right = outcome.before, outcome.after, outcome.case.right
        if after is None or outcome.failure:
            self.failures[outcome.failure] += 1
            return
        if before is None:
            self.alone[after.label == right] += 1
            return
        self.called[before.label] += 1
        if outcome.disagrees:
            self.confusion[before.label, after.label] += 1
            self._keep_if_bad(outcome, before, after)
        else:
            self.agreed += 1
        if right is not None:
            self._add_right(before.label == right, after.label == right)

    def _keep_if_bad(self, outcome: Outcome, before: Answer, after: Answer) -> None:
        entry = (how_bad(before, after), -self.disagreed, outcome)
        if len(self.worst) < self.most:
            heapq.heappush(self.worst, entry)
        elif self.most:
            heapq.heappushpop(self.worst, entry)

    def _add_right(self, is_before: bool, is_after: bool) -> None:  # noqa: FBT001
        rights = self.rights
        rights.both += is_before and is_after
        rights.only_before += is_before and not is_after
        rights.only_after += is_after and not is_before
        rights.neither += not is_before and not is_after


def how_bad(before: Answer, after: Answer) -> float:
    """How sure both are of different things: the lesser of their scores; 0 without scores."""
    return min(before.score or 0.0, after.score or 0.0)


def compare(outcomes: Iterable[Outcome], most: int) -> Comparison:
    """Count them all, and keep the *most* worst disagreements."""
    result = Comparison(most)
    for outcome in outcomes:
        result.add(outcome)
    return result
