"""What a client saw, as JSON lines: ``{"client", "api", "feature", "ok", "detail"}``.

Standard library only: every client's environment imports it.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """One client's features of one API."""

    client: str
    api: str

    @contextmanager
    def feature(self, name: str) -> Iterator[None]:
        """Print whether the block worked; a failure does not end the script."""
        ok, detail = True, ""
        try:
            yield
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            ok = False
            detail = f"{type(error).__name__}: {error} at {place.name}:{place.lineno} {place.line}"
        line = {"client": self.client, "api": self.api, "feature": name, "ok": ok, "detail": detail}
        print(json.dumps(line), flush=True)


@contextmanager
def fails(kind: type[Exception], text: str) -> Iterator[None]:
    """The block must raise *kind* with *text* in its message."""
    try:
        yield
    except kind as error:
        assert text in str(error), f"{text!r} is not in {error}"
        return
    raise AssertionError(f"nothing was raised; expected {kind.__name__} with {text!r}")
