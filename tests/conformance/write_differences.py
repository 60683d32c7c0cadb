"""Asks both servers every case and writes the cases of ``differences.toml`` anew.

    python -m tests.conformance.write_differences

Reasons and rules stay as they are; a case that is new has the reason "?", which the tests
refuse until somebody has thought about it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.conformance.asking import ask
from tests.conformance.differences import PATH, Known, as_ours, read_differences
from tests.conformance.models import write_store, write_triton_repository
from tests.conformance.triton_server import triton_server

_CASES = "# ---- Cases: written by tests/conformance/write_differences.py ----\n"


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store = write_store(root / "store")
        repository = write_triton_repository(root / "repository", store)
        (root / "triton").mkdir()
        with triton_server(repository, root / "triton") as triton:
            answers = ask(triton, store)
    head = PATH.read_text(encoding="utf-8").partition(_CASES)[0]
    PATH.write_text(head + _CASES + _cases(read_differences(), answers), encoding="utf-8")


def _cases(known: Known, answers: dict[str, tuple[str, str]]) -> str:
    text = ""
    for name, (theirs, ours) in answers.items():
        triton = as_ours(known, theirs)
        if triton == ours:
            continue
        why = known.cases[name].why if name in known.cases else "?"
        text += f"\n[case.{_quoted(name)}]\nwhy = {_quoted(why)}\n"
        text += f"triton = {_quoted(triton)}\neasel = {_quoted(ours)}\n"
    return text


def _quoted(text: str) -> str:
    """A TOML string: literal where it can be, so that JSON in it stays readable."""
    if "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    main()
