"""A request becomes options and a picture, whichever way a front end sends them.

The same picture may come as JSON (``base64_drawing``, or ``image``), as a form with a file
or with base64 text, or as the body itself.  What the body begins with counts more than
its Content-Type: old front ends send JSON as text/plain, and curl sends anything as a form.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from functools import cache
from io import BytesIO
from typing import Any, TypeVar
from wsgiref.types import WSGIEnvironment

import msgspec
from msgspec import UNSET, UnsetType
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.wrappers import Request
from werkzeug.wsgi import get_content_length, get_input_stream

from adapter.deadline import Deadline
from adapter.drawing import KEYS, decode_base64
from model_store.errors import InvalidRequest

TIMEOUT_HEADER = "X-Request-Timeout-Ms"
_TIMEOUT_KEY = "HTTP_X_REQUEST_TIMEOUT_MS"
OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)

# Every option is one of these.
_Plain = str | int | float | bool | None
# As of a form in parts, of which Werkzeug counts them.
_MOST_FIELDS = 1000
# A file, and options beside it.
_MOST_PARTS = 32
# What encoded pictures begin with (PNG, JPEG, GIF, BMP, WebP), and where AVIF says its name.
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF")
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_HOW = f'send a JSON object like {{"{KEYS[0]}": "data:image/png;base64,..."}}'


def read_picture(
    environ: WSGIEnvironment, kind: type[OptionsT], most_bytes: int
) -> tuple[bytes, OptionsT]:
    """The encoded picture, not empty, and the options beside it; those in the body win.

    Raises:
        InvalidRequest: There is no picture, it is not base64, or an option is wrong.
        RequestEntityTooLarge: The body is longer than *most_bytes*.
    """
    content_type: str = environ.get("CONTENT_TYPE", "")
    if "multipart" in content_type.lower() and _media_type(content_type) == _FORMS[0]:
        return _read_form(_form(environ, most_bytes), kind)
    body = read_body(environ, most_bytes)
    if body[:1] == b"{" or body.lstrip()[:1] == b"{":
        return _read_json(body, read_query(environ), kind)
    media_type = _media_type(content_type)
    if _is_picture(body) or media_type.startswith("image/"):
        if not body:
            raise InvalidRequest(f"the body is empty; send the picture's bytes, or {_HOW}")
        return body, to_options(read_query(environ), kind)
    if media_type == _FORMS[1]:
        if body.count(b"&") > _MOST_FIELDS:
            raise InvalidRequest(f"the form has more than {_MOST_FIELDS} fields; {_HOW}")
        return _read_form(_form({**environ, "wsgi.input": BytesIO(body)}, most_bytes), kind)
    raise InvalidRequest(f"the body is neither JSON nor a picture; {_HOW}")


def read_json(environ: WSGIEnvironment, kind: type[OptionsT], most_bytes: int) -> OptionsT:
    """The JSON object in the body as *kind*; options in the address fill what it leaves out.

    Raises:
        InvalidRequest: It is no JSON object, or a value is wrong.
        RequestEntityTooLarge: The body is longer than *most_bytes*.
    """
    found = _decode(read_body(environ, most_bytes), kind, "send a JSON object")
    return _converted({**read_query(environ), **found}, kind)


def read_body(environ: WSGIEnvironment, most_bytes: int) -> bytes:
    """All of the body, in one piece; Werkzeug's stream takes ten times as long to read it.

    Raises:
        RequestEntityTooLarge: It is longer than *most_bytes*.
        ClientDisconnected: It ended before it was whole.
    """
    left = get_content_length(environ)
    if left is None:
        return _read_unmeasured(environ, most_bytes)
    if left > most_bytes:
        raise RequestEntityTooLarge
    stream, parts = environ["wsgi.input"], list[bytes]()
    while left:
        parts.append(stream.read(left))
        if not parts[-1]:
            raise ClientDisconnected
        left -= len(parts[-1])
    return b"".join(parts)


def _read_unmeasured(environ: WSGIEnvironment, most_bytes: int) -> bytes:
    """A body in chunks, which does not say how long it is."""
    # One byte more: of what is longer than its limit Werkzeug reads the beginning.
    body = get_input_stream(environ, max_content_length=most_bytes + 1).read()
    if len(body) > most_bytes:
        raise RequestEntityTooLarge
    return body


def read_query(environ: WSGIEnvironment) -> dict[str, str]:
    """The options in the address; of those that come twice the first."""
    # Most have none, and are not to pay for others.
    return Request(environ).args.to_dict() if environ.get("QUERY_STRING") else {}


def read_deadline(environ: WSGIEnvironment) -> Deadline | None:
    """When the caller stops waiting by ``X-Request-Timeout-Ms``; None where that is not said.

    Raises:
        InvalidRequest: The header is no positive whole number.
    """
    text = environ.get(_TIMEOUT_KEY)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text[:18]) > 0):
        raise InvalidRequest(f"{TIMEOUT_HEADER} must be a whole number of milliseconds above 0")
    return Deadline.after(int(text[:18]) / 1000)


def to_options(values: Mapping[str, str], kind: type[OptionsT]) -> OptionsT:
    """Options out of text, as an address or a form has them.

    Raises:
        InvalidRequest: One is wrong.
    """
    return _converted(dict(values.items()), kind)


def _read_json(
    body: bytes, args: Mapping[str, str], kind: type[OptionsT]
) -> tuple[bytes, OptionsT]:
    found = _decode(body, kind, _HOW)
    return _pop_picture(found), _converted({**args, **found}, kind)


def _decode(body: bytes, kind: type[msgspec.Struct], advice: str) -> dict[str, Any]:
    """What *kind* and pictures are called in *body*; all else is passed over, and takes no memory.

    A body of empty lists would take twenty times its length.
    """
    try:
        found = _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        raise _unlike(str(error), advice) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is no JSON: {error}; {advice}") from error
    values = {name: getattr(found, name) for name in found.__struct_fields__}
    return {name: value for name, value in values.items() if value is not UNSET}


@cache
def _decoder(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    options = (each.encode_name for each in msgspec.structs.fields(kind))
    names = dict.fromkeys((*KEYS, *options))
    body = msgspec.defstruct("Body", [(name, _Plain | UnsetType, UNSET) for name in names])
    return msgspec.json.Decoder(body)


def _unlike(words: str, advice: str) -> InvalidRequest:
    """What to say of JSON that has something else where a value, or all values, should be."""
    for key in KEYS:
        if f"`$.{key}`" in words:
            return _no_text(key)
    if "`$." in words:
        return InvalidRequest(f"an option is wrong: {words}")
    return InvalidRequest(f"the body is no JSON object; {advice}")


def _no_text(key: str) -> InvalidRequest:
    return InvalidRequest(f'"{key}" must be text: a data URL or bare base64')


def _pop_picture(values: dict[str, Any]) -> bytes:
    for key in KEYS:
        text = values.pop(key, None)
        if isinstance(text, str) and text.strip():
            return decode_base64(text, key)
        if text is not None:
            raise _no_text(key)
    raise InvalidRequest(f'"{KEYS[0]}" is missing; {_HOW}')


def _media_type(content_type: str) -> str:
    return parse_options_header(content_type)[0].lower()


def _form(environ: WSGIEnvironment, most_bytes: int) -> Request:
    request = Request(environ)
    # A form without a file is held in memory, as every body is.
    request.max_content_length = request.max_form_memory_size = most_bytes
    request.max_form_parts = _MOST_PARTS
    return request


def _read_form(request: Request, kind: type[OptionsT]) -> tuple[bytes, OptionsT]:
    values: dict[str, Any] = {**request.args.to_dict(), **request.form.to_dict()}
    with ExitStack() as stack:
        files = [stack.enter_context(closing(file)) for file in request.files.values()]
        if len(files) > 1:
            raise InvalidRequest(f"the form has {len(files)} files; send one picture at a time")
        if not files:
            return _pop_picture(values), _converted(values, kind)
        picture = files[0].read()
    if not picture:
        raise InvalidRequest("the form's file is empty; choose a picture and send it again")
    return picture, _converted(values, kind)


def _is_picture(body: bytes) -> bool:
    return body.startswith(_MAGIC) or body[4:8] == b"ftyp"


def _converted(values: dict[str, Any], kind: type[OptionsT]) -> OptionsT:
    try:
        # Not strict: text of an address or a form becomes a number where one is wanted.
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"an option is wrong: {error}") from error
