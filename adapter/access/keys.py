"""API keys: what one looks like, and how it is known again without being kept.

A key is ``easel_ID_SECRET``.  The file has the id and the secret's SHA-256: 256 random bits
cannot be guessed from it, so that no slow hash is needed on every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from model_store.errors import InvalidRequest

Scope = Literal["predict", "speech", "feedback", "ops"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_KEY = re.compile(r"easel_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})", re.ASCII)
_NOBODY = "0" * 64


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may do what; the secret itself is nowhere."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.@-]{1,64}\Z")]
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{12}\Z")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    scopes: tuple[Scope, ...]
    created: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys of a file, by id."""

    by_id: Mapping[str, Key] = field(default_factory=dict)

    def find(self, text: str) -> Key | None:
        """The key that *text* is, in the same time whether its secret is nearly right or not."""
        parts = _KEY.fullmatch(text)
        if parts is None:
            return None
        key = self.by_id.get(parts["id"])
        wanted = key.sha256 if key is not None else _NOBODY
        return key if hmac.compare_digest(_digest(parts["secret"]), wanted) else None


def new_key(name: str, scopes: tuple[str, ...], created: str) -> tuple[Key, str]:
    """A new key, and the text that its owner sends.

    Raises:
        InvalidRequest: The name or a scope is wrong.
    """
    secret = secrets.token_urlsafe(32)
    raw = {
        "name": name,
        "id": secrets.token_hex(6),
        "sha256": _digest(secret),
        "scopes": scopes,
        "created": created,
    }
    try:
        key = msgspec.convert(raw, Key)
    except msgspec.ValidationError as error:
        raise InvalidRequest(
            f"{error}; a name has letters, digits and _.@-, scopes are of {', '.join(SCOPES)}"
        ) from error
    return key, f"easel_{key.id}_{secret}"


def read_ring(data: bytes) -> KeyRing:
    """The keys of a file's content.

    Raises:
        InvalidRequest: It is no such file.
    """
    try:
        keys = msgspec.json.decode(data, type=_File).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"it is no file of keys: {error}") from error
    for wanted in ("id", "name"):
        found = [getattr(key, wanted) for key in keys]
        if len(set(found)) != len(found):
            raise InvalidRequest(f"it is no file of keys: a key's {wanted} is there twice")
    return KeyRing({key.id: key for key in keys})


def write_ring(ring: KeyRing) -> bytes:
    """The file's content for *ring*."""
    text = msgspec.json.encode(_File(tuple(ring.by_id.values())))
    return msgspec.json.format(text, indent=2) + b"\n"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
