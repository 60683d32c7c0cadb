"""Which pages of other origins may call: an allow-list, exact to the letter."""

from __future__ import annotations

import re
from collections.abc import Sequence

from model_store.errors import InvalidRequest

ANY = "*"
# What a browser sends: scheme, host in lower case, and a port unless it is the scheme's own.
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?",
    re.ASCII,
)
_OWN_PORTS = {"http": "80", "https": "443"}


def read_origins(texts: Sequence[str], *, with_credentials: bool) -> tuple[str, ...]:
    """The allow-list as a setting has it.

    Raises:
        InvalidRequest: One is no origin that a browser would send, or all may come and bring
            their credentials.
    """
    if ANY in texts:
        if with_credentials:
            raise InvalidRequest(
                "allowed_origins: * cannot go with allow_credentials; name the origins"
            )
        if len(texts) > 1:
            raise InvalidRequest("allowed_origins: * already has the others in it")
        return (ANY,)
    for text in texts:
        parts = _ORIGIN.fullmatch(text)
        if parts is None or parts["port"] == _OWN_PORTS[parts["scheme"]]:
            raise InvalidRequest(
                f"allowed_origins: {text!r} is no origin as browsers send it; "
                "write https://shop.example, in lower case, without a path or the scheme's own port"
            )
    return tuple(texts)
