"""``easel promote NAME VERSION``: make a version live, if it was proven and is whole."""

from __future__ import annotations

from collections.abc import Sequence

from model_store import history
from model_store.changing import promote
from model_store.commands.common import (
    add_change_flags,
    author,
    number,
    parser,
    print_json,
)
from model_store.deployment import check_label
from model_store.opening import find_model, open_store
from model_store.spec import ModelVersion


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    made = parser("promote", "Let a version label name a version; a running server follows.")
    made.add_argument("name", metavar="NAME")
    made.add_argument("version", metavar="VERSION")
    add_change_flags(made)
    flags = made.parse_args(arguments)
    label, model = check_label(flags.label), ModelVersion(flags.name, number(flags.version))
    store = open_store(flags.store)
    find_model(store, flags.name)
    change = promote(store, model, label, author(flags))
    if flags.json:
        done = None if change is None else history.to_json(change)
        print_json({"name": flags.name, "label": label, "version": model.number, "change": done})
    elif change is None:
        print(f"{label} of {flags.name} is version {model.number} already")
    else:
        before = "" if change.before is None else f", before it {change.before}"
        print(f"{label} of {flags.name} is version {model.number} now{before}")
    return 0
