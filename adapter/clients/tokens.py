"""The token that TorchServe wants of its callers, out of a file that changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from model_store.errors import InvalidRequest


@dataclass(slots=True)
class TokenFile:
    """A file with a token alone, or TorchServe's own ``key_file.json``, whose keys expire.

    Attributes:
        path: Where it is.
    """

    path: Path
    _seen: tuple[int, int] = (0, 0)
    _token: str = ""

    def read(self) -> str:
        """The token, anew when the file has changed; the last one while it is being replaced.

        Raises:
            InvalidRequest: There is none, and never was.
        """
        try:
            status = self.path.stat()
            if (seen := (status.st_mtime_ns, status.st_ino)) != self._seen:
                self._token, self._seen = _token_in(self.path.read_text("utf-8")), seen
        except (OSError, ValueError, KeyError, TypeError) as error:
            if self._token:
                return self._token
            raise InvalidRequest(
                f"torchserve_token_file {self.path} holds no token: {error!r}; it must be "
                "TorchServe's key_file.json, or the token alone"
            ) from error
        return self._token


def authorization(token: TokenFile | None) -> tuple[tuple[str, str], ...]:
    """The header, or metadata, that shows *token*; none without one."""
    return () if token is None else (("authorization", f"Bearer {token.read()}"),)


def _token_in(text: str) -> str:
    token = text.strip()
    if token.startswith("{"):
        token = json.loads(token)["inference"]["key"]
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("it is no token")
    return token
