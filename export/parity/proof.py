"""Running both models on the same inputs and comparing what they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from export.parity.evidence import Evidence, Gathering, join_evidence
from export.parity.measure import OutputParity, compare_output, merge
from export.parity.report import ParityReport, own_versions
from export.parity.tolerance import STANDARD, Tolerances
from export.parity.trials import Group, Trials, calls, take
from export.tensors import Tensors
from model_store.errors import EaselError, ExportRefused

# Where rows see each other the source must run every call itself: fewer of them.
MAX_JOINT_CALLS = 8

Predict = Callable[[Tensors], Tensors]


@dataclass(frozen=True, slots=True)
class Proof:
    """The report, and what its pictures are made of.

    Attributes:
        report: For ``parity.json``.
        evidence: For ``parity.html`` (``export.parity.page.write_html``) and for finding the
            layer that differs (``export.parity.divergence.find_divergence``).
        is_row_wise: Whether a row had the same answer alone and in company, in the source.
    """

    report: ParityReport
    evidence: Evidence
    is_row_wise: bool = True


def prove_on(
    source: Predict,
    exported: Predict,
    trials: Trials,
    tolerances: Tolerances = STANDARD,
    *,
    versions: Mapping[str, str] | None = None,
) -> Proof:
    """Run both models on *trials* and compare every output of every call.

    The source runs each row once, in calls of the largest batch; where that changes its
    answers (batch statistics, a sum over all rows) it runs exactly what the export runs.
    A call that the exported model fails is a difference; so is an output that only one has.

    Args:
        source: The source model's own path, from wire tensors to outputs.
        exported: The exported model, on the same wire tensors.
        trials: From :func:`~export.parity.trials.from_samples` or
            :func:`~export.parity.seeded.seeded`.
        tolerances: What counts as equal.
        versions: Of the libraries behind *source*; those of this process are added.

    Raises:
        ExportRefused: The source refuses what it must be able to run, or all that was tried.
    """
    run = _Run(source, exported, tolerances)
    for group in trials.groups:
        run.compare(group)
    run.compare_some(trials)
    report = ParityReport(
        tolerance=tolerances,
        samples=trials.samples,
        outputs=tuple(run.outputs),
        seed=trials.seed,
        notes=tuple(run.notes) + _notes(run.outputs),
        versions={**(versions or {}), **own_versions()},
    )
    return Proof(report, run.gathering.evidence(), run.is_row_wise)


def together(proofs: Mapping[str, Proof]) -> Proof:
    """One proof for several forms of a model, such as ONNX and SavedModel.

    Args:
        proofs: By what the form is called.  Outputs of all but the first say which it is in
            their ``case``; the pictures of the errors are the first one's, the rows that
            differ most are those of all.
    """
    (_, first), *others = proofs.items()
    outputs = list(first.report.outputs)
    for title, proof in others:
        outputs += [
            replace(output, case=f"{title} {output.case}".strip())
            for output in proof.report.outputs
        ]
    notes = dict.fromkeys(note for proof in proofs.values() for note in proof.report.notes)
    found = [proof.report.divergence for proof in proofs.values() if proof.report.divergence]
    versions: dict[str, str] = {}
    for proof in proofs.values():
        versions |= proof.report.versions
    report = replace(
        first.report,
        outputs=tuple(outputs),
        notes=tuple(notes),
        versions=versions,
        divergence=found[0] if found else None,
    )
    evidence = join_evidence([proof.evidence for proof in proofs.values()])
    return Proof(report, evidence, all(proof.is_row_wise for proof in proofs.values()))


class _Run:
    """One proof while it is being made."""

    def __init__(self, source: Predict, exported: Predict, tolerances: Tolerances) -> None:
        self.source, self.exported, self.tolerances = source, exported, tolerances
        self.gathering = Gathering(tolerances)
        self.outputs: list[OutputParity] = []
        self.notes: list[str] = []
        self.is_row_wise = True

    def compare_some(self, trials: Trials) -> None:
        """Compare on as many of the tries as are wanted, leaving out what the source refuses."""
        accepted, refusals = 0, list[str]()
        for group in trials.tries():
            if accepted == trials.wanted:
                break
            try:
                self.compare(group)
                accepted += 1
            except EaselError as error:
                refusals.append(f"the source refuses {group.case or 'seeded inputs'}: {error}")
        if trials.wanted and not accepted and not trials.groups:
            raise ExportRefused(
                f"no inputs could be drawn that the source takes; give --samples ({refusals[0]})"
            )
        self.notes += refusals

    def compare(self, group: Group) -> None:
        """Compare on every call that *group* makes."""
        if not group.batches:
            self._add(group, None, [(group.inputs, self.source(group.inputs))])
            return
        want = self._reference(group)
        if want is not None:
            self.compare_rows(group, want)
            return
        made = {
            batch: [
                (inputs, self.source(inputs))
                for inputs in islice(calls(group, batch), MAX_JOINT_CALLS)
            ]
            for batch in group.batches
        }
        for batch, answered in made.items():
            self._add(group, batch, answered)

    def compare_rows(self, group: Group, want: Tensors) -> None:
        """Compare with *want*, the source's answer to each row."""
        numbered = Group({"": np.arange(group.rows)}, group.batches)
        for batch in group.batches:
            rows = [call[""] for call in calls(numbered, batch)]
            self._add(
                group,
                batch,
                ((take(group.inputs, some), take(want, some)) for some in rows),
            )

    def _reference(self, group: Group) -> Tensors | None:
        """The source's answer to each row; None if it depends on the other rows."""
        if not self.is_row_wise:
            return None
        size = max(group.batches)
        parts = []
        for at in range(0, group.rows, size):
            rows = np.arange(at, min(at + size, group.rows))
            parts.append((len(rows), self.source(take(group.inputs, rows))))
        if _has_rows(parts):
            want = {name: np.concatenate([part[name] for _, part in parts]) for name in parts[0][1]}
            if self._is_equal_alone(group, want):
                return want
        self.is_row_wise = False
        self.notes.append("an answer of the source depends on the other rows of its batch")
        return None

    def _is_equal_alone(self, group: Group, want: Tensors) -> bool:
        """Whether the last row has the same answer when it is alone."""
        last = np.array([group.rows - 1])
        alone, company = self.source(take(group.inputs, last)), take(want, last)
        return all(
            compare_output(name, company[name], alone.get(name), STANDARD, 1).passed
            for name in company
        )

    def _add(self, group: Group, batch: int | None, made: Sequence[Call] | Iterator[Call]) -> None:
        """Compare the calls of one batch size, output by output in name order."""
        found: dict[str, list[OutputParity]] = {}
        for inputs, want in made:
            got, failure = self._run_exported(inputs)
            for name in sorted(want.keys() | got.keys()):
                wanted = want.get(name)
                entry = (
                    OutputParity(name, batch, group.case, mismatch=failure)
                    if failure
                    else compare_output(
                        name, wanted, got.get(name), self.tolerances, batch, case=group.case
                    )
                )
                found.setdefault(name, []).append(entry)
            self.gathering.add(inputs, want, got, batch)
        for name in sorted(found):
            tolerance = self.tolerances.of(found[name][0].dtype)
            self.outputs.append(merge(found[name], tolerance))

    def _run_exported(self, inputs: Tensors) -> tuple[Tensors, str]:
        try:
            return self.exported(inputs), ""
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            return {}, f"the exported model fails: {error}"


Call = tuple[Tensors, Tensors]


def _has_rows(parts: Sequence[tuple[int, Tensors]]) -> bool:
    """Whether axis 0 of every output counts the rows that went in, alike in every call."""
    first = parts[0][1]
    return all(
        part.keys() == first.keys()
        and all(
            output.ndim > 0 and len(output) == rows and output.shape[1:] == first[name].shape[1:]
            for name, output in part.items()
        )
        for rows, part in parts
    )


def _notes(outputs: Sequence[OutputParity]) -> tuple[str, ...]:
    """What the numbers mean that a person could overlook."""
    notes = []
    for name in sorted({output.name for output in outputs}):
        nan = sum(output.nan_source for output in outputs if output.name == name)
        if nan:
            notes.append(f"the source itself gives NaN in output {name}, {nan} times")
    return tuple(notes)
