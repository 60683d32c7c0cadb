"""``easel verify [NAME[/VERSION]]``: whether the files are still what was published."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from model_store.commands.common import find_version, parser, print_json, print_table
from model_store.errors import EaselError
from model_store.opening import find_model, open_store, open_verifier
from model_store.ports import ModelStore
from model_store.spec import ModelVersion

Check = Callable[[Path], object]


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status: 1 if a version is not whole."""
    flags = _parser().parse_args(arguments)
    store = open_store(flags.store)
    check = open_verifier(flags.key) if flags.key else None
    found = [_examine(store, model, check) for model in _wanted(store, flags.model)]
    if flags.json:
        print_json({"versions": found})
    else:
        rows = [(each["model"], each["version"], each["problem"] or "whole") for each in found]
        print_table(("model", "version", ""), rows)
    return 1 if any(each["problem"] for each in found) else 0


def _parser() -> argparse.ArgumentParser:
    made = parser("verify", "Check every file of versions against their manifests.")
    made.add_argument(
        "model", nargs="?", default="", metavar="NAME[/VERSION]",
        help="or NAME/LABEL; a name alone is all its versions, no name all models",
    )  # fmt: skip
    made.add_argument(
        "--key", type=Path, metavar="PUBLIC.pem", help="ask for a signature by this key too"
    )
    return made


def _wanted(store: ModelStore, text: str) -> Iterator[ModelVersion]:
    if "/" in text:
        yield find_version(store, text)
        return
    for name in (text,) if text else store.models():
        for number in find_model(store, name):
            yield ModelVersion(name, number)


def _examine(store: ModelStore, model: ModelVersion, check: Check | None) -> dict[str, Any]:
    problem = ""
    try:
        store.verify(model)
        if check is not None:
            with store.at_hand(model) as folder:
                check(folder)
    except EaselError as error:
        problem = str(error)
    return {"model": model.name, "version": model.number, "problem": problem}
