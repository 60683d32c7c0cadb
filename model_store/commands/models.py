"""``easel models``: what the store has, and what is live of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_store.changing import live_version, read_deployment
from model_store.commands.common import parser, print_json, print_table
from model_store.errors import BadVersion
from model_store.opening import open_store
from model_store.ports import ModelStore


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = parser("models", "List the models of the store.").parse_args(arguments)
    store = open_store(flags.store)
    found = [_describe(store, name) for name in store.models()]
    if flags.json:
        print_json({"store": str(store), "models": found})
    elif found:
        print_table(("model", "live", "versions", "version labels"), [_row(each) for each in found])
    else:
        print(f"there is no model in {store}; easel export makes one")
    return 0


def _describe(store: ModelStore, name: str) -> dict[str, Any]:
    known = {"name": name, "versions": store.versions(name)}
    try:
        labels = read_deployment(store, name).labels
        return {**known, "live": live_version(store, name), "labels": labels}
    except BadVersion as error:  # the others can be told of all the same
        return {**known, "live": None, "labels": {}, "problem": str(error)}


def _row(found: dict[str, Any]) -> tuple[object, ...]:
    labels = [f"{label}={number}" for label, number in sorted(found["labels"].items())]
    versions = ", ".join(map(str, found["versions"][-8:]))
    if len(found["versions"]) > 8:
        versions = f"..., {versions}"
    live = "?" if found["live"] is None else found["live"]
    return found["name"], live, versions, found.get("problem") or ", ".join(labels)
