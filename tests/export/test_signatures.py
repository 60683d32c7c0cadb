"""Signatures that nobody asked for: left out of ONNX, carried by a SavedModel, proven or said not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from export.convert import Candidate
from export.kinds import KINDS, SAVED_MODEL
from export.parity.seeded import seeded
from export.proving import Held, prove
from export.publish import Findings, _golden_arrays, _signatures
from export.request import ExportRequest
from export.signatures import left_out, with_others
from export.sources.source import Description
from export.wire import Wire
from model_store.errors import ExportRefused
from model_store.spec import Signature, TensorSpec

ROWS = Signature((TensorSpec("x", "float32", (None, 2)),), (TensorSpec("y", "float32", (None, 2)),))


@dataclass
class Several:
    """A source and its SavedModel: ``y = 2x`` under every name but these."""

    names: tuple[str, ...]
    noisy: str = ""
    refused: str = ""
    joint: str = ""
    calls: list[str] = field(default_factory=list)

    def describe(self):
        return Description(dict.fromkeys(self.names, ROWS), 0, {}, "test")

    def run(self, signature, inputs):
        self.calls.append(signature)
        if signature == self.refused:
            raise ExportRefused("it takes nothing that was drawn")
        x = inputs["x"]
        if signature == self.noisy:
            x = x + np.float32(len(self.calls))
        if signature == self.joint:
            x = x + x.sum(0)
        return {"y": x * np.float32(2)}


def findings(source: Several, signature: str) -> Findings:
    wire, trials = Wire(signature, ROWS, None), seeded(ROWS)
    inputs = {"x": np.ones((3, 2), np.float32)}
    golden = (inputs, source.run(signature, inputs))
    held = Held(KINDS[SAVED_MODEL], source, wire, trials, golden)
    runs = {name: partial(source.run, name) for name in source.names}
    run = runs.pop(signature)
    candidate = Candidate("SavedModel", run, source.describe().signatures, others=runs)
    first = prove(ExportRequest("model", "two"), held, candidate)
    return Findings(held, with_others(held, first))


def test_every_signature_of_a_saved_model_is_proven():
    report = findings(Several(("score", "embed")), "score").report
    assert report.passed
    assert {output.case for output in report.outputs} == {"", "SavedModel signature embed"}
    assert report.notes == ()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (Several(("score", "embed"), noisy="embed"), "its answers differ from the source's"),
        (Several(("score", "embed"), refused="embed"), "it takes nothing that was drawn"),
    ],
)
def test_a_signature_that_cannot_be_proven_is_said_and_shares_no_batch(source, why):
    found = findings(source, "score")
    assert found.report.passed
    (note,) = (note for note in found.report.notes if "embed is in the SavedModel" in note)
    assert "is not proven" in note
    assert why in note
    signatures = _signatures(found)
    assert signatures["score"].is_row_wise
    assert not signatures["embed"].is_row_wise


def test_each_signature_says_itself_whether_rows_may_share_a_batch():
    signatures = _signatures(findings(Several(("score", "all"), joint="all"), "score"))
    assert signatures["score"].is_row_wise
    assert not signatures["all"].is_row_wise


def test_golden_samples_name_their_signature_where_none_is_the_usual_one():
    named = _golden_arrays(findings(Several(("score", "embed")), "score"))
    assert sorted(named) == ["score/input:x", "score/output:y"]
    usual = _golden_arrays(findings(Several(("score",)), "score"))
    assert sorted(usual) == ["input:x", "output:y"]


def test_an_onnx_graph_says_which_signatures_it_leaves_out():
    (note,) = left_out(findings(Several(("score", "embed", "walk")), "score").held)
    assert "signature score; left out: embed, walk; " in note
    assert left_out(findings(Several(("score",)), "score").held) == ()
