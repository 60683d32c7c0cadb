"""``easel export``: a source model in, a verified version out, told step by step."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console

from export.archiving import archive
from export.exporter import export
from export.flags import make_parser
from export.request import read_request
from export.showing import show, show_archive, to_json
from model_store.errors import InvalidRequest
from model_store.opening import open_seal, open_store
from model_store.ports import ModelStore
from model_store.store import Store, check_name, leave_open

Step = Callable[[str], None]


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = make_parser().parse_args(arguments)
    check_name(flags.name)
    store = open_store(flags.store)
    seal = open_seal(flags.sign_key) if flags.sign_key else leave_open
    # Progress goes to standard error, so that --json is alone on standard output.
    with _steps(Console(file=sys.stderr, highlight=False)) as step:
        if flags.to == "mar":
            archived = archive(read_request(flags), _folder_of(store, flags.store), step)
            show_archive(archived, is_json=flags.json)
            return 0
        published = export(read_request(flags), store, step, seal)
    if flags.json:
        print(json.dumps(to_json(published, store)))
    else:
        show(published, store)
    return 0


def _folder_of(store: ModelStore, place: str) -> Store:
    if not isinstance(store, Store):
        raise InvalidRequest(f"--to mar writes beside the store, which must be a folder: {place}")
    return store


@contextmanager
def _steps(console: Console) -> Iterator[Step]:
    """Show each step while it runs and how long it took; plain lines off a terminal."""
    begun = time.perf_counter()
    current = ""

    def finish(mark: str) -> None:
        if current:
            console.print(f"{mark} {current} [dim]{time.perf_counter() - begun:.1f} s[/]")

    with console.status("") as status:

        def step(text: str) -> None:
            nonlocal current, begun
            finish("[green]done[/]")
            current, begun = text, time.perf_counter()
            status.update(text)

        try:
            yield step
        except BaseException:
            finish("[red]failed[/]")
            raise
        finish("[green]done[/]")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
