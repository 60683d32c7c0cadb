"""How a process reads its one configuration value: flags, then environment, then a file.

A frozen dataclass says what there is: names, types and defaults.  Library code gets the
value; only a command calls this.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from model_store.errors import InvalidRequest

ConfigT = TypeVar("ConfigT")

CONFIG_VARIABLE = "EASEL_CONFIG"


def add_flags(parser: argparse.ArgumentParser, kind: type[Any]) -> None:
    """Give *parser* one ``--name`` for each field of *kind*, and ``--config``."""
    parser.add_argument("--config", type=Path, help="TOML file with settings")
    _add_section(parser, kind, "")


def add_section_flags(parser: argparse.ArgumentParser, kind: type[Any], main: str) -> None:
    """The same for a *kind* whose fields are sections, one dataclass each.

    The section *main* has plain flags, ``--name``; another is part of its flags' names,
    ``--google_vision``.
    """
    parser.add_argument("--config", type=Path, help="TOML file with settings")
    for section, part in get_type_hints(kind).items():
        _add_section(parser, part, "" if section == main else f"{section}_")


def _add_section(parser: argparse.ArgumentParser, kind: type[Any], prefix: str) -> None:
    described, hints = _described(kind), get_type_hints(kind)
    for field in fields(kind):
        text = f"{described.get(field.name, '')} (default: {field.default})".replace("%", "%%")
        flag = prefix + field.name
        # TF Serving's flags have underscores; both spellings are common elsewhere.
        names = dict.fromkeys([f"--{flag}", f"--{flag.replace('_', '-')}"])
        # A switch may stand alone: --enable_batching means --enable_batching=true.
        alone: dict[str, Any] = {"nargs": "?", "const": "true"} if hints[field.name] is bool else {}
        parser.add_argument(*names, dest=flag, metavar="VALUE", help=text, **alone)


def read_settings(
    kind: type[ConfigT],
    section: str,
    flags: argparse.Namespace,
    environ: Mapping[str, str],
) -> ConfigT:
    """The settings of *kind*: a flag wins over ``EASEL_SECTION_NAME``, that over the file.

    Raises:
        InvalidRequest: The file cannot be read, or a value or key is wrong.
    """
    return _read_section(kind, section, flags, environ, "")


def read_sections(
    kind: type[ConfigT], main: str, flags: argparse.Namespace, environ: Mapping[str, str]
) -> ConfigT:
    """The same for a *kind* whose fields are sections; see ``add_section_flags``.

    Raises:
        InvalidRequest: As ``read_settings``.
    """
    return kind(
        **{
            section: _read_section(
                part, section, flags, environ, "" if section == main else f"{section}_"
            )
            for section, part in get_type_hints(kind).items()
        }
    )


def _read_section(
    kind: type[ConfigT],
    section: str,
    flags: argparse.Namespace,
    environ: Mapping[str, str],
    prefix: str,
) -> ConfigT:
    named = environ.get(CONFIG_VARIABLE)
    path = flags.config or (Path(named) if named else None)
    values: dict[str, Any] = _read_file(path, section) if path else {}
    hints = get_type_hints(kind)
    if unknown := sorted(values.keys() - hints.keys()):
        raise InvalidRequest(f"{path}: [{section}] has no setting {', '.join(unknown)}")
    for name in hints:
        variable = f"EASEL_{section}_{name}".upper()
        if variable in environ:
            values[name] = environ[variable]
        if getattr(flags, prefix + name, None) is not None:
            values[name] = getattr(flags, prefix + name)
    return kind(**{name: _convert(name, value, hints[name]) for name, value in values.items()})


def to_json(config: Any) -> str:
    """The settings as one JSON text, to hand to another process."""
    return json.dumps(asdict(config), default=str)


def from_json(kind: type[ConfigT], text: str) -> ConfigT:
    """Read what ``to_json`` wrote, of a kind with sections too."""
    return _from_values(kind, json.loads(text))


def _from_values(kind: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    hints = get_type_hints(kind)
    return kind(
        **{
            name: _from_values(hints[name], value)
            if is_dataclass(hints[name])
            else _convert(name, value, hints[name])
            for name, value in values.items()
        }
    )


def _read_file(path: Path, section: str) -> dict[str, Any]:
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8")).get(section, {})
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path}: {section} must be a table, written [{section}]")
    return value


def _convert(name: str, value: Any, hint: Any) -> Any:
    """*value*, perhaps text, as the field's type."""
    try:
        if get_origin(hint) is Literal:
            if value not in get_args(hint):
                raise ValueError(f"must be one of {', '.join(get_args(hint))}")
            return value
        if get_origin(hint) is tuple:
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(str(part).strip() for part in parts if str(part).strip())
        if hint is bool:
            return _truth(value)
        converted = hint(value)
        # TOML and JSON have types of their own: 80.5 and true are no whole numbers.
        if isinstance(value, bool) or (isinstance(value, float) and converted != value):
            raise ValueError(f"must be {hint.__name__}")
        return converted
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequest(f"setting {name}: {value!r} is not valid: {error}") from error


def _truth(value: Any) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    text = str(value).lower()
    if text not in known:
        raise ValueError("must be true or false")
    return known[text]


def _described(kind: type[Any]) -> dict[str, str]:
    """First lines of the ``Attributes`` of *kind*'s docstring, by field."""
    known = {field.name for field in fields(kind)}
    lines = (line.strip().partition(": ") for line in (kind.__doc__ or "").splitlines())
    return {name: text.rstrip(".") for name, _, text in lines if name in known}
