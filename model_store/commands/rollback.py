"""``easel rollback NAME``: let a version label name what it named before."""

from __future__ import annotations

from collections.abc import Sequence

from model_store import history
from model_store.changing import roll_back
from model_store.commands.common import add_change_flags, author, parser, print_json
from model_store.deployment import check_label
from model_store.opening import find_model, open_store


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    made = parser("rollback", "Let a version label name what it named before the last promotion.")
    made.add_argument("name", metavar="NAME")
    add_change_flags(made)
    flags = made.parse_args(arguments)
    label, store = check_label(flags.label), open_store(flags.store)
    find_model(store, flags.name)
    change = roll_back(store, flags.name, label, author(flags))
    if flags.json:
        print_json(
            {
                "name": flags.name,
                "label": label,
                "version": change.after,
                "change": history.to_json(change),
            }
        )
    else:
        print(f"{label} of {flags.name} is version {change.after} again, before it {change.before}")
    return 0
