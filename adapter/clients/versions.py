"""Which version answered, out of the text in which a server says it."""

from __future__ import annotations

import re

# TorchServe's archives often have 3.0 where the store has 3.
_NUMBER = re.compile(r"([1-9][0-9]{0,17})(\.0)?")


def version_number(said: str) -> int | None:
    """The store's number for ``3`` or ``3.0``; None for any other text, which says nothing."""
    found = _NUMBER.fullmatch(said)
    return int(found[1]) if found else None
