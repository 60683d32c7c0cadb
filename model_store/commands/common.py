"""What the commands share: their flags, how a servable is written, and how they print."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import socket
from collections.abc import Iterable, Sequence
from typing import Any

from model_store.changing import Author, live_version, read_deployment
from model_store.deployment import STABLE
from model_store.errors import InvalidRequest, ServableNotFound
from model_store.manifest import FileDigest
from model_store.opening import find_model
from model_store.ports import ModelStore
from model_store.spec import VERSION_NAME, ModelVersion

Row = Sequence[object]


def parser(command: str, description: str) -> argparse.ArgumentParser:
    """A command's parser, with ``--store`` and ``--json``."""
    made = argparse.ArgumentParser(prog=f"easel {command}", description=description)
    made.add_argument(
        "--store", default="model_store/models", help="folder of the store, or its URL"
    )
    made.add_argument("--json", action="store_true", help="print the result as JSON")
    return made


def add_change_flags(made: argparse.ArgumentParser) -> None:
    """``--label``, ``--reason`` and ``--actor``, of commands that change who is live."""
    made.add_argument("--label", default=STABLE, help=f"the version label (default: {STABLE})")
    made.add_argument("--reason", default="", help="why, for the history")
    made.add_argument("--actor", default="", help="who, for the history (default: USER@HOST)")


def author(flags: argparse.Namespace) -> Author:
    """Who makes a change: as told, or as the system says."""
    return Author(flags.actor or f"{_user()}@{socket.gethostname()}", flags.reason)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def number(text: str) -> int:
    """A version's number.

    Raises:
        InvalidRequest: It is none.
    """
    if not VERSION_NAME.fullmatch(text):
        raise InvalidRequest(f"{text!r} is no version; versions are 1, 2, 3, ...")
    return int(text)


def find_version(store: ModelStore, text: str) -> ModelVersion:
    """The servable that ``NAME``, ``NAME/VERSION`` or ``NAME/LABEL`` means.

    A name alone means the live version.

    Raises:
        ServableNotFound: There is none.
        InvalidRequest: Nothing can be called so.
    """
    name, slash, which = text.partition("/")
    versions = find_model(store, name)
    if not slash:
        found = live_version(store, name)
    elif which.isdigit():
        found = number(which)
    else:
        found = read_deployment(store, name).labels.get(which)
        if found is None:
            raise ServableNotFound(f"no version of {name} is labelled {which!r}")
    if found is None or found not in versions:
        there = ", ".join(map(str, versions))
        raise ServableNotFound(f"no version {name}/{found} in {store}; there are: {there}")
    return ModelVersion(name, found)


def labels_of(labels: Iterable[tuple[str, int]], version: int) -> list[str]:
    """The labels that name *version*, in order."""
    return sorted(label for label, named in labels if named == version)


def total_bytes(files: Iterable[FileDigest]) -> int:
    """Length of all files together."""
    return sum(file.bytes for file in files)


def size(count: int) -> str:
    """So many bytes, for people: ``12.3 MB``."""
    value, units = float(count), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while value >= 1000:
        value, unit = value / 1000, next(units, "TB")
        if unit == "TB":
            break
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def print_json(value: Any) -> None:
    """*value* as JSON on standard output, for programs."""
    print(json.dumps(value, indent=2, sort_keys=True))


def print_table(headings: Sequence[str], rows: Iterable[Row]) -> None:
    """Columns of equal width; those of whole numbers are aligned to the right.

    Control characters are shown as what they are: names and reasons may come from others.
    """
    table = [[_cell(cell) for cell in row] for row in rows]
    are_numbers = [bool(table) and all(row[i].isdigit() for row in table) for i in _range(headings)]
    widths = [max(len(row[i]) for row in (headings, *table)) for i in _range(headings)]
    for row in (headings, *table):
        cells = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, are_numbers, strict=True)
        ]
        print("  ".join(cells).rstrip())


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Name and value in two columns; what has no value is left out."""
    known = [(name, _cell(value)) for name, value in facts if value not in ("", None)]
    width = max(len(name) for name, _ in known)
    for name, value in known:
        print(f"{name.ljust(width)}  {value}")


def _cell(value: object) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], str(value))


def _range(headings: Sequence[str]) -> range:
    return range(len(headings))
