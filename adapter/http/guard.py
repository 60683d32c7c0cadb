"""Who may ask what: keys with scopes, and a rate for each caller."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from wsgiref.types import WSGIEnvironment

from adapter.access.callers import Proxies, counted_as, read_proxies
from adapter.access.key_file import KeyFile
from adapter.access.keys import SCOPES, KeyRing, Scope
from adapter.access.rates import Rates
from adapter.config import AccessConfig
from adapter.http.exchange import Exchange
from model_store.errors import (
    InvalidRequest,
    PermissionDenied,
    ServiceUnavailable,
    Unauthenticated,
)

logger = logging.getLogger(__name__)

KEY_HEADER = "X-Api-Key"
_HOW = f"send it as `Authorization: Bearer KEY` or `{KEY_HEADER}: KEY`"


@dataclass(frozen=True, slots=True)
class Guard:
    """What it takes to let a request in.

    Attributes:
        keys: None where nobody needs one.
        open_scopes: What may be done without a key.
        rates: None where anybody may ask as often as they like.
        proxies: Who is believed about where a request comes from.
    """

    keys: KeyFile | None
    open_scopes: frozenset[str]
    rates: Rates | None
    proxies: Proxies

    def admit(self, environ: WSGIEnvironment, note: Exchange, scope: Scope | None) -> None:
        """Let a request in that wants to do *scope*, and note whose it is.

        Raises:
            Unauthenticated: It takes a key, and none of ours came along.
            PermissionDenied: The key is not for this.
            ServiceUnavailable: There never was a good file of keys.
            RateLimited: The caller has asked too often.
        """
        note.caller = self.proxies.caller(
            environ.get("REMOTE_ADDR") or "", environ.get("HTTP_X_FORWARDED_FOR", "")
        )
        if scope is None:
            return
        if self.keys is not None:
            note.caller = self._holder(environ, self.keys, scope) or note.caller
        # Whoever watches must not be in the way of whoever works.
        if self.rates is not None and scope != "ops":
            note.allowance = self.rates.count(counted_as(note.caller))

    def scopes(self, environ: WSGIEnvironment) -> frozenset[str]:
        """What the caller may do; a key that is none of ours allows no more than none."""
        if self.keys is None:
            return frozenset(SCOPES)
        try:
            key = _ring(self.keys).find(_sent_key(environ) or "")
        except (Unauthenticated, ServiceUnavailable):
            key = None
        return self.open_scopes.union(key.scopes if key is not None else ())

    def _holder(self, environ: WSGIEnvironment, keys: KeyFile, scope: Scope) -> str:
        """Whose key came along; empty where none did, and none is needed for *scope*."""
        text = _sent_key(environ)
        if text is None:
            if scope in self.open_scopes:
                return ""
            raise Unauthenticated(f"a key with the scope {scope!r} is needed; {_HOW}")
        key = _ring(keys).find(text)
        if key is None:
            raise Unauthenticated("the key is none of ours; ask the operator for a new one")
        if scope not in key.scopes and scope not in self.open_scopes:
            raise PermissionDenied(f"the key {key.name!r} has no scope {scope!r}; ask the operator")
        return key.name


def read_guard(config: AccessConfig) -> Guard:
    """The guard by *config*; nothing is read or opened yet.

    Raises:
        InvalidRequest: A setting is wrong.
    """
    if unknown := sorted(set(config.open_scopes) - set(SCOPES)):
        raise InvalidRequest(
            f"open_scopes: there is no scope {unknown[0]!r}; there are {', '.join(SCOPES)}"
        )
    return Guard(
        keys=KeyFile(Path(config.key_file)) if config.key_file else None,
        open_scopes=frozenset(config.open_scopes),
        rates=Rates(config.rate_limit, config.rate_storage) if config.rate_limit else None,
        proxies=read_proxies(config.trusted_proxies),
    )


def _ring(keys: KeyFile) -> KeyRing:
    try:
        return keys.ring()
    except InvalidRequest as error:  # no mistake of the caller's, who need not know our files
        logger.error("nobody's key can be known: %s", error)
        raise ServiceUnavailable("keys cannot be looked up now; ask the operator") from error


def _sent_key(environ: WSGIEnvironment) -> str | None:
    """The key in either header.

    Raises:
        Unauthenticated: Authorization is there, and has no key.
    """
    sent: str | None = environ.get("HTTP_X_API_KEY")
    if sent is not None:
        return sent.strip()
    authorization: str | None = environ.get("HTTP_AUTHORIZATION")
    if authorization is None:
        return None
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated(f"Authorization has no key; {_HOW}")
    return text.strip()
