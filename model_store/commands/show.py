"""``easel show NAME[/VERSION]``: everything that is known of one version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from model_store import manifest as manifests
from model_store.changing import live_version, read_deployment
from model_store.commands.common import (
    find_version,
    labels_of,
    parser,
    print_facts,
    print_json,
    print_table,
    size,
    total_bytes,
)
from model_store.digests import SIGNATURE_FILE
from model_store.manifest import Manifest
from model_store.opening import open_store
from model_store.ports import ModelStore
from model_store.spec import ModelVersion


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    made = parser("show", "Show what is known of a version.")
    made.add_argument(
        "model", metavar="NAME[/VERSION]", help="or NAME/LABEL; a name alone is the live version"
    )
    flags = made.parse_args(arguments)
    store = open_store(flags.store)
    model = find_version(store, flags.model)
    manifest = store.manifest(model)
    state = _state(store, model, manifest)
    if flags.json:
        print_json(json.loads(manifests.encode(manifest)) | state)
        return 0
    _show(manifest, state)
    return 0


def _state(store: ModelStore, model: ModelVersion, manifest: Manifest) -> dict[str, Any]:
    return {
        "labels": labels_of(read_deployment(store, model.name).labels.items(), model.number),
        "is_live": live_version(store, model.name) == model.number,
        "is_signed": store.read(f"{model}/{SIGNATURE_FILE}") is not None,
        "has_passed_parity": _has_passed(store, manifest),
    }


def _has_passed(store: ModelStore, manifest: Manifest) -> bool | None:
    """What the parity report says; None without one."""
    if manifest.parity_file is None:
        return None
    try:
        value = json.loads(store.read(f"{manifest.model}/{manifest.parity_file}") or b"")
        return value["passed"] is True
    except (ValueError, TypeError, KeyError, RecursionError):
        return False


def _show(manifest: Manifest, state: dict[str, Any]) -> None:
    parity = {None: "no report", True: "passed", False: "not passed"}[state["has_passed_parity"]]
    facts: list[tuple[str, object]] = [
        ("version", f"{manifest.model}{' (live)' if state['is_live'] else ''}"),
        ("version labels", ", ".join(state["labels"])),
        ("tag", manifest.tag),
        ("created", manifest.created),
        ("author", manifest.author),
        ("licence", manifest.licence),
        ("format", manifest.format),
        ("parity", parity),
        ("signed", "yes; easel verify --key checks it" if state["is_signed"] else "no"),
    ]
    facts += [(f"source {key}", value) for key, value in sorted(manifest.source.items())]
    facts += [(f"made by {key}", value) for key, value in sorted(manifest.exporter.items())]
    print_facts(facts)
    for name, signature in sorted(manifest.signatures.items()):
        print(f"\nsignature {name} ({signature.method})")
        for arrow, specs in (("takes", signature.inputs), ("gives", signature.outputs)):
            for spec in specs:
                print(f"  {arrow}  {spec}")
    print(f"\n{len(manifest.files)} files, {size(total_bytes(manifest.files.values()))}")
    print_table(
        ("file", "bytes", "SHA-256"),
        [(name, file.bytes, file.sha256) for name, file in sorted(manifest.files.items())],
    )
