"""``easel gc``: delete what killed processes have left and, if asked, old versions."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from model_store.collecting import collect
from model_store.commands.common import parser, print_json
from model_store.errors import InvalidRequest, ServableNotFound
from model_store.opening import open_store


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = _parser().parse_args(arguments)
    if flags.keep is not None and flags.keep < 1:
        raise InvalidRequest("--keep must be at least 1")
    store = open_store(flags.store)
    homes = store.homes()
    if flags.name and flags.name not in homes:
        raise ServableNotFound(f"there is no model {flags.name!r} in {store}")
    found = {
        name: collect(store, name, flags.keep, is_trial=flags.dry_run)
        for name in ([flags.name] if flags.name else homes)
    }
    unfinished = [path for each in found.values() for path in each.unfinished]
    versions = [f"{name}/{number}" for name, each in found.items() for number in each.versions]
    if flags.json:
        print_json({"unfinished": unfinished, "versions": versions, "is_dry_run": flags.dry_run})
        return 0
    for path in (*unfinished, *versions):
        print(f"{'would delete' if flags.dry_run else 'deleted'} {path}")
    if not unfinished and not versions:
        print("nothing to delete")
    return 0


def _parser() -> argparse.ArgumentParser:
    made = parser("gc", "Delete unfinished work of killed processes, and old versions.")
    made.add_argument("name", nargs="?", metavar="NAME", help="only this model")
    made.add_argument(
        "--keep", type=int, metavar="N",
        help="delete versions too, but for the newest N, those that deployment.json speaks of, "
        "and those that a rollback would lead to",
    )  # fmt: skip
    made.add_argument("--dry-run", action="store_true", help="delete nothing, only tell")
    return made
