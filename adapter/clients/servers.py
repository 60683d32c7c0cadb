"""Which server holds which model: the texts of ``model_servers`` as data.

    ENTRY    = [MODEL[/VERSION]=]SCHEME://ADDRESS[;ADDRESS...]
    SCHEME   = tfs | oip | torchserve, each with +tls; oip, torchserve, each with +http, +https
    ADDRESS  = HOST:PORT | [IPv6]:PORT | unix:/PATH

Knows neither gRPC nor HTTP; ``opening`` makes clients of what is read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Literal

from model_store.errors import InvalidRequest
from model_store.store import is_name

Protocol = Literal["tfs", "oip", "oip+http", "torchserve", "torchserve+http"]

SCHEMES: Mapping[str, tuple[Protocol, bool]] = {
    "tfs": ("tfs", False),
    "tfs+tls": ("tfs", True),
    "oip": ("oip", False),
    "oip+tls": ("oip", True),
    "oip+http": ("oip+http", False),
    "oip+https": ("oip+http", True),
    "torchserve": ("torchserve", False),
    "torchserve+tls": ("torchserve", True),
    "torchserve+http": ("torchserve+http", False),
    "torchserve+https": ("torchserve+http", True),
}
_SCHEME_OF = {meaning: scheme for scheme, meaning in SCHEMES.items()}
_FORM = "write [MODEL=]SCHEME://HOST:PORT[;HOST:PORT...], for example classifier=oip://triton:8001"
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
# One character more and the kernel has no room for it.
_LONGEST_PATH = 107


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a server listens: a host and a port, or a Unix domain socket."""

    host: str
    port: int = 0

    @property
    def is_socket_file(self) -> bool:
        """Whether ``host`` is the path of a Unix domain socket."""
        return self.host.startswith("/")

    def __str__(self) -> str:
        if self.is_socket_file:
            return f"unix:{self.host}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """Servers that hold the same models and can stand in for each other.

    Attributes:
        protocol: What they speak.
        is_tls: Whether connections are encrypted.
        addresses: At least one; a host may have several itself.
        model: The only model to ask them for; None for all that no other group has.
        version: What the store calls their version, where they themselves have no numbers.
    """

    protocol: Protocol
    is_tls: bool
    addresses: tuple[Address, ...]
    model: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        where = ";".join(map(str, self.addresses))
        version = "" if self.version is None else f"/{self.version}"
        whose = "" if self.model is None else f"{self.model}{version}="
        return f"{whose}{_SCHEME_OF[self.protocol, self.is_tls]}://{where}"


def parse_servers(entries: Sequence[str], default: str) -> tuple[ServerGroup, ...]:
    """Read ``model_servers``; ``model_server`` is the *default* where no entry is for all.

    Returns:
        The group for all models first; without a default there may be none.

    Raises:
        InvalidRequest: One cannot be understood, two are for the same model, or there is none.
    """
    groups: dict[str | None, ServerGroup] = {}
    for entry in entries:
        group = parse_group(entry)
        if group.model in groups:
            whose = f"model {group.model}" if group.model else "all models"
            raise InvalidRequest(
                f"model_servers has two entries for {whose}; "
                "join their addresses in one, with ; between them"
            )
        groups[group.model] = group
    if not groups and not default:
        raise InvalidRequest("there is no model server; set model_server or model_servers")
    if None not in groups and default:
        groups[None] = parse_group(default if "://" in default else f"tfs://{default}")
    return tuple(sorted(groups.values(), key=lambda group: group.model or ""))


def parse_group(entry: str) -> ServerGroup:
    """Read one entry.

    Raises:
        InvalidRequest: It cannot be understood.
    """
    head, separator, addresses = entry.strip().partition("://")
    whose, _, scheme = head.rpartition("=")
    if not separator:
        raise _wrong(entry, _FORM)
    if scheme not in SCHEMES:
        raise _wrong(entry, f"{scheme!r} is no scheme; there are {', '.join(SCHEMES)}")
    protocol, is_tls = SCHEMES[scheme]
    found = tuple(dict.fromkeys(_address(entry, text) for text in addresses.split(";")))
    if "=" not in head:
        return ServerGroup(protocol, is_tls, found)
    model, slash, version = whose.partition("/")
    if not is_name(model):
        raise _wrong(entry, f"{model!r} cannot name a model; {_FORM}")
    if not slash:
        return ServerGroup(protocol, is_tls, found, model)
    if not re.fullmatch(r"[1-9][0-9]{0,17}", version):
        raise _wrong(entry, f"version {version!r} must be a whole number of the store, from 1")
    return ServerGroup(protocol, is_tls, found, model, int(version))


def _address(entry: str, text: str) -> Address:
    text = text.strip()
    if text.startswith("unix:"):
        path = "/" + text.removeprefix("unix:").lstrip("/")
        if not text.startswith("unix:/") or not 1 < len(path.encode()) <= _LONGEST_PATH:
            raise _wrong(entry, f"{text!r} is no socket; write unix:/PATH, absolute and short")
        return Address(path)
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise _wrong(entry, f"{text!r} has no port from 1 to 65535; {_FORM}")
    if host[:1] == "[" and host[-1:] == "]":
        try:
            return Address(str(IPv6Address(host[1:-1])), int(port))
        except ValueError as error:
            raise _wrong(entry, f"{error}; {_FORM}") from error
    if not _HOST.fullmatch(host):
        raise _wrong(entry, f"{host!r} is no host; {_FORM}")
    return Address(host, int(port))


def _wrong(entry: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(f"model server {entry!r} cannot be understood: {remedy}")
