"""``easel history NAME``: who has changed what is live, when and why."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from model_store import history
from model_store.changing import read_history
from model_store.commands.common import parser, print_json, print_table
from model_store.history import HISTORY_FILE
from model_store.opening import find_model, open_store


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    made = parser("history", "List the changes of a model's version labels, the oldest first.")
    made.add_argument("name", metavar="NAME")
    flags = made.parse_args(arguments)
    store = open_store(flags.store)
    find_model(store, flags.name)
    past = read_history(store, flags.name)
    for line in past.damaged:
        print(f"{flags.name}/{HISTORY_FILE}: line {line} cannot be read", file=sys.stderr)
    if flags.json:
        changes = [history.to_json(change) for change in past.changes]
        print_json({"name": flags.name, "changes": changes, "damaged_lines": past.damaged})
        return 0
    if not past.changes:
        print(f"nothing was promoted yet; the newest version of {flags.name} is live")
        return 0
    headings = ("change", "time", "actor", "action", "label", "from", "to", "reason")
    print_table(headings, [_row(change) for change in past.changes])
    return 0


def _row(change: history.Change) -> tuple[object, ...]:
    return (
        change.number, change.time, change.actor, change.action, change.label,
        change.before or "-", change.after or "-", change.reason,
    )  # fmt: skip
