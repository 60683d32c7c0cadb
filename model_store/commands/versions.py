"""``easel versions NAME``: a model's versions, when they were made and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_store.changing import live_version, read_deployment
from model_store.commands.common import (
    labels_of,
    parser,
    print_json,
    print_table,
    size,
    total_bytes,
)
from model_store.errors import BadVersion
from model_store.opening import find_model, open_store
from model_store.ports import ModelStore
from model_store.spec import ModelVersion


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    made = parser("versions", "List a model's versions.")
    made.add_argument("name", metavar="NAME")
    flags = made.parse_args(arguments)
    store = open_store(flags.store)
    numbers = find_model(store, flags.name)
    labels, live = read_deployment(store, flags.name).labels, live_version(store, flags.name)
    found = [
        _describe(store, ModelVersion(flags.name, number))
        | {"labels": labels_of(labels.items(), number), "is_live": number == live}
        for number in numbers
    ]
    if flags.json:
        print_json({"name": flags.name, "versions": found})
        return 0
    headings = ("version", "", "version labels", "format", "size", "created", "tag")
    print_table(headings, [_row(each) for each in found])
    return 0


def _describe(store: ModelStore, model: ModelVersion) -> dict[str, Any]:
    try:
        manifest = store.manifest(model)
    except BadVersion as error:
        return {"version": model.number, "problem": str(error)}
    return {
        "version": model.number,
        "format": manifest.format,
        "bytes": total_bytes(manifest.files.values()),
        "created": manifest.created,
        "tag": manifest.tag,
    }


def _row(found: dict[str, Any]) -> tuple[object, ...]:
    start = (found["version"], "live" if found["is_live"] else "", ", ".join(found["labels"]))
    if "problem" in found:
        return (*start, "damaged", "", "", found["problem"])
    return *start, found["format"], size(found["bytes"]), found["created"], found["tag"]
