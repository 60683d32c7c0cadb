"""Every kind of source to every target it can have, and the page that says so."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from export.exporter import export_held
from export.kinds import KINDS
from export.request import ExportRequest
from export.sniff import sniff
from model_store.errors import ExportRefused
from model_store.store import Store
from tests.export.test_refining import InThisProcess
from tests.export.zoo.entry import Entry
from tests.export.zoo.page import PAGE, Outcome, to_page, without_powers

# All of them in one fixture, on a slow machine.
pytestmark = [
    pytest.mark.timeout(900),
    # What the frameworks say while they build and save; what Easel says of it is elsewhere.
    pytest.mark.filterwarnings("ignore:::(keras|tf_keras|tensorflow|torch)"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]
MODULES = ("keras_models", "tensorflow_models", "torch_models", "onnx_models")
COUNT = 38


@pytest.fixture(scope="session")
def entries() -> tuple[Entry, ...]:
    return tuple(
        entry for name in MODULES for entry in import_module(f"tests.export.zoo.{name}").ENTRIES
    )


@pytest.fixture(scope="session")
def found(entries, tmp_path_factory):
    """Each entry with what became of it; the frameworks run in this process, once."""
    results = []
    for entry in entries:
        folder = tmp_path_factory.mktemp(entry.name)
        (folder / "source").mkdir()
        path = entry.build(folder / "source")
        assert sniff(path) == entry.kind, entry.name
        kind = KINDS[entry.kind]
        source = InThisProcess(import_module(kind.module).load(path, entry.options), folder)
        request = ExportRequest(
            path, entry.name, contract=entry.contract, scaling=entry.scaling,
            signature=entry.signature, options=entry.options, report=str(folder / "report"),
        )  # fmt: skip
        targets = ("onnx", "saved_model") if entry.target == "both" else (entry.target,)
        outcomes = {
            target: outcome_of(replace(request, target=target), kind, source, folder)
            for target in targets
        }
        results.append((entry, outcomes.get("onnx"), outcomes.get("saved_model")))
    return results


def outcome_of(request, kind, source, folder) -> Outcome:
    try:
        store = Store(folder / f"store-{request.target}")
        published = export_held(request, kind, source, store, lambda _: None)
    except ExportRefused as error:
        return Outcome(refusal=" ".join(str(error).split()).replace("|", "/"))
    store.verify(published.model)
    return Outcome(published.findings.report.max_abs_error)


def test_every_model_is_equal_or_refused_for_the_expected_reason(found):
    assert len(found) == COUNT
    for entry, onnx, saved in found:
        for outcome, reason in ((onnx, entry.onnx_refusal), (saved, entry.saved_model_refusal)):
            if outcome is None:
                continue
            if reason:
                assert any(word in outcome.refusal for word in reason.split("|")), (entry, outcome)
            else:
                assert not outcome.refusal, (entry, outcome)


def test_the_page_says_what_became_of_each(found):
    page = to_page(found)
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if without_powers(before) != without_powers(page):
        PAGE.write_text(page, encoding="utf-8")
        pytest.fail(f"{PAGE.name} was out of date and is written anew; look at it and commit it")
