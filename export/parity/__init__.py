"""Whether an exported model computes what its source computed, and the proof of it.

How the exporter calls it::

    trials = from_samples(inputs, signature, "pictures in drawings")   # the author's
    trials = seeded(signature)                                        # or, without any
    proof = prove_on(source, exported, trials, STANDARD, versions=description.versions)
    report = proof.report
    if proof.evidence.failing is not None and not report.passed:      # name the layer
        witness = Witness(source_inputs, source_outputs, source.layers(signature, source_inputs))
        found = find_divergence(graph_file, proof.evidence.failing, witness)
        report = replace(report, divergence=found)
    write_report(report, folder / "parity.json")                      # the gate
    write_html(report, proof.evidence, folder / "parity.html", About(...))  # for people

A failed report has both files too: write them beside what was not published.  With a
quantised graph, ``LOOSE`` stands in place of ``STANDARD``.
``source`` and ``exported`` take wire tensors and give outputs, by name, for one batch.
"""

from export.parity.divergence import Witness, find_divergence
from export.parity.measure import OutputParity
from export.parity.page import About, write_html
from export.parity.proof import Predict, Proof, prove_on, together
from export.parity.report import Divergence, ParityReport, read_report, write_report
from export.parity.seeded import Draw, seeded
from export.parity.tolerance import EXACT, LOOSE, STANDARD, Tolerance, Tolerances
from export.parity.trials import MAX_BATCH, Trials, from_samples

__all__ = [
    "EXACT", "LOOSE", "MAX_BATCH", "STANDARD", "About",
    "Divergence", "Draw", "OutputParity", "ParityReport", "Predict", "Proof", "Tolerance",
    "Tolerances", "Trials", "Witness", "find_divergence", "from_samples", "prove_on",
    "read_report", "seeded", "together", "write_html", "write_report",
]  # fmt: skip
