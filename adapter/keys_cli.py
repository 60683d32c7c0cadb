"""``easel keys``: make, list and remove the API keys of a file."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapter.access.key_file import read_keys
from adapter.access.keys import SCOPES, Key, KeyRing, new_key, write_ring
from adapter.config import AccessConfig
from model_store.atomic import locked, replace
from model_store.errors import InvalidRequest
from model_store.settings import read_settings


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = _parser().parse_args(arguments)
    setting = read_settings(AccessConfig, "access", flags, os.environ).key_file
    if not setting:
        raise InvalidRequest("no file of keys is set; name one with --key_file")
    path = Path(setting)
    if not path.parent.is_dir():
        raise InvalidRequest(f"there is no folder {path.parent}; make it first")
    match flags.action:
        case "add":
            _add(path, flags.name, tuple(flags.scopes.split(",")), as_json=flags.json)
        case "remove":
            _remove(path, flags.name, as_json=flags.json)
        case "list":
            _list(_read(path), as_json=flags.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="easel keys", description="API keys of the adapter.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|list|remove")
    add = actions.add_parser("add", help="make a key, and print it this once")
    add.add_argument("name", help="whose key it is, as logs and metrics of rates say it")
    add.add_argument(
        "--scopes", default="predict", help=f"what it allows, of {','.join(SCOPES)} (predict)"
    )
    remove = actions.add_parser("remove", help="end a key; servers see it within a second")
    remove.add_argument("name")
    show = actions.add_parser("list", help="whose keys there are")
    for each in (add, remove, show):
        each.add_argument("--key_file", "--key-file", help="the file; else [access] key_file")
        each.add_argument("--config", type=Path, help="TOML file with settings")
        each.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add(path: Path, name: str, scopes: tuple[str, ...], *, as_json: bool) -> None:
    created = datetime.now(UTC).isoformat(timespec="seconds")
    key, text = new_key(name, tuple(scope.strip() for scope in scopes), created)
    with locked(path.parent):
        ring = _read(path)
        if any(name == each.name for each in ring.by_id.values()):
            raise InvalidRequest(f"{path} has a key {name!r}; remove it first, or name the new one")
        _write(path, KeyRing({**ring.by_id, key.id: key}))
    if as_json:
        print(json.dumps({"name": name, "scopes": list(key.scopes), "key": text}))
        return
    print(text)
    print(f"It allows {', '.join(key.scopes)}. Keep it: {path} has its hash only.")


def _remove(path: Path, name: str, *, as_json: bool) -> None:
    with locked(path.parent):
        ring = _read(path)
        left = {key.id: key for key in ring.by_id.values() if key.name != name}
        if len(left) == len(ring.by_id):
            raise InvalidRequest(f"{path} has no key {name!r}; `easel keys list` says which it has")
        _write(path, KeyRing(left))
    print(json.dumps({"removed": name}) if as_json else f"{name} may do nothing more.")


def _list(ring: KeyRing, *, as_json: bool) -> None:
    keys = sorted(ring.by_id.values(), key=lambda key: key.name)
    if as_json:
        print(json.dumps([_public(key) for key in keys]))
        return
    for key in keys:
        print(f"{key.name:24} {','.join(key.scopes):32} {key.created}")


def _public(key: Key) -> dict[str, object]:
    return {"name": key.name, "id": key.id, "scopes": list(key.scopes), "created": key.created}


def _read(path: Path) -> KeyRing:
    if not path.exists():
        return KeyRing()
    try:
        return read_keys(path)
    except InvalidRequest as error:
        raise InvalidRequest(f"{path}: {error}") from error


def _write(path: Path, ring: KeyRing) -> None:
    replace(path, write_ring(ring), path.parent)
