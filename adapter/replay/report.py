"""A comparison as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from adapter.feedback.reading import Passed
from adapter.replay.cases import Answer
from adapter.replay.comparing import Comparison, Outcome
from model_store.commands.common import print_facts, print_table
from model_store.spec import ModelVersion

_PAIRS = 10


@dataclass(frozen=True, slots=True)
class Report:
    """What ``easel replay`` has found.

    Attributes:
        version: The version that the log ran against.
        against: The version it is compared with; None for what was answered then.
        result: The comparison.
        passed: What of the log was passed over.
        seconds: How long it took.
    """

    version: ModelVersion
    against: ModelVersion | None
    result: Comparison
    passed: Passed
    seconds: float

    @property
    def sides(self) -> tuple[str, str]:
        """What the two sides are called."""
        return ("the log" if self.against is None else str(self.against), str(self.version))


def to_json(report: Report) -> dict[str, Any]:
    """The report for programs."""
    result, rights = report.result, report.result.rights
    return {
        "version": str(report.version),
        "against": None if report.against is None else str(report.against),
        "compared": result.compared,
        "agreed": result.agreed,
        "disagreed": result.disagreed,
        "agreement": result.agreement,
        "failed": dict(result.failures),
        "confusion": [
            {"before": before, "after": after, "count": count}
            for (before, after), count in result.confusion.most_common()
        ],
        "labels": [
            {"label": label, "compared": count, "disagreed": disagreed}
            for label, count, disagreed in labels(result)
        ],
        "feedback": {
            "both_right": rights.both,
            "only_before_right": rights.only_before,
            "only_after_right": rights.only_after,
            "neither_right": rights.neither,
            "pictures_alone": result.alone.total(),
            "pictures_alone_right": result.alone[True],
        },
        "worst": [_outcome(outcome) for outcome in result.worst_first],
        "log": {
            "lines_passed_over": report.passed.lines,
            "files_passed_over": report.passed.files,
            "files_unfinished": report.passed.unfinished,
        },
        "seconds": round(report.seconds, 3),
    }


def labels(result: Comparison) -> Iterator[tuple[str, int, int]]:
    """Each label with how often it was given before, and how often it was not after."""
    for label, count in sorted(result.called.items()):
        yield label, count, sum(n for (before, _), n in result.confusion.items() if before == label)


def print_report(report: Report) -> None:
    """The report for people, on standard output."""
    print_facts(facts(report))
    result = report.result
    before, after = report.sides
    if result.confusion:
        print()
        pairs = [(count, *pair) for pair, count in result.confusion.most_common(_PAIRS)]
        print_table(("pictures", before, after), pairs)
    if result.worst:
        print("\nof these both were most sure:")
        rows = [
            (outcome.case.record.request_id, show(outcome.before), show(outcome.after),
             outcome.case.right or "")
            for outcome in result.worst_first
        ]  # fmt: skip
        print_table(("request", before, after, "right"), rows)


def facts(report: Report) -> list[tuple[str, object]]:
    """The numbers, each with its name; what there is nothing of is empty."""
    result, rights, (before, after) = report.result, report.result.rights, report.sides
    rate = result.compared / report.seconds if report.seconds else 0.0
    share = "" if result.agreement is None else f" ({100 * result.agreement:.2f} %)"
    found: list[tuple[str, object]] = [
        ("compared", f"{after} with {before}"),
        ("pictures", f"{result.compared} in {report.seconds:.1f} s, {rate:.0f} a second"),
        ("same label", f"{result.agreed}{share}"),
        ("another label", result.disagreed),
    ]
    found += [("failed", f"{n}: {why}") for why, n in result.failures.most_common(_PAIRS)]
    if rights.count:
        found += [
            ("feedback on", f"{rights.count} of them"),
            ("  only before right", f"{rights.only_before} ({before})"),
            ("  only after right", f"{rights.only_after} ({after})"),
            ("  both right", rights.both),
            ("  neither right", rights.neither),
        ]
    if result.alone:
        of = result.alone.total()
        found.append(("feedback's pictures", f"{result.alone[True]} of {of} right ({after})"))
    if report.passed.lines or report.passed.files:
        found.append(
            ("passed over", f"{report.passed.lines} lines, {report.passed.files} files of the log")
        )
    if report.passed.unfinished:
        found.append(("not finished", f"{report.passed.unfinished} files of the log, left out"))
    return found


def show(answer: Answer | None) -> str:
    """An answer for people: ``3 0.971``."""
    if answer is None:
        return ""
    return answer.label if answer.score is None else f"{answer.label} {answer.score:.3f}"


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "request_id": outcome.case.record.request_id,
        "before": _answer(outcome.before),
        "after": _answer(outcome.after),
        "right": outcome.case.right,
    }


def _answer(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    return {"label": answer.label, "score": answer.score, "version": answer.version}
