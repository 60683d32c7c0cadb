"""The text a front end sends becomes the bytes of a picture."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from model_store.errors import InvalidRequest

KEY = "base64_drawing"
_DATA_URL = re.compile(r"data:(?P<type>[^,;]*)(?P<parameters>(;[^,]*)?),", re.IGNORECASE)
_TO_STANDARD = str.maketrans("-_", "+/")


def read_drawing(body: Any) -> bytes:
    """The picture's bytes out of a request's JSON body.

    Raises:
        InvalidRequest: There is no JSON object, no such key, or its text is not base64.
    """
    if not isinstance(body, dict):
        raise InvalidRequest(f'send a JSON object like {{"{KEY}": "data:image/png;base64,..."}}')
    text = body.get(KEY)
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequest(f'"{KEY}" is missing; it must be text: a data URL or bare base64')
    return decode_base64(text)


def decode_base64(text: str) -> bytes:
    """Decode a data URL of any image type, or bare base64, standard or urlsafe.

    Whitespace anywhere and missing padding are accepted, as browsers, mail programs and
    URL encoders produce them.

    Raises:
        InvalidRequest: It is something else.
    """
    text = text.strip()
    if text[:5].lower() == "data:":
        text = _payload_of(text)
    # Not a regular expression: this runs over every byte of every drawing.
    text = "".join(text.split()).translate(_TO_STANDARD).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f'"{KEY}" is not base64') from error


def _payload_of(text: str) -> str:
    head = _DATA_URL.match(text)
    if head is None:
        raise InvalidRequest(f'"{KEY}" begins like a data URL but has no comma')
    kind, parameters = head["type"].strip().lower(), head["parameters"].lower()
    if not parameters.replace(" ", "").endswith(";base64"):
        raise InvalidRequest(f'"{KEY}" is a data URL without ;base64')
    if kind and not kind.startswith("image/") and kind != "application/octet-stream":
        raise InvalidRequest(f'"{KEY}" is a data URL of {kind[:60]!a}, not of an image')
    return text[head.end() :]
