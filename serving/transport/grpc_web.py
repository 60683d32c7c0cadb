"""gRPC-Web: gRPC for browsers, which read no trailers and not every byte.

Wraps the events of a gRPC call.  The trailers become the body's last frame; the text form
is base64 of all of it.  Works over HTTP/1.1 too.  Source: gRPC's PROTOCOL-WEB document.
"""

from __future__ import annotations

import base64
import binascii
import re

from model_store.errors import InvalidRequest
from serving.transport.asgi import Event, Headers, Receive, Send
from serving.transport.cors import cross_origin_headers

_TRAILERS_FLAG = b"\x80"
_TEXT = b"application/grpc-web-text"
# Texts may be joined, so that padding stands in the middle.
_PIECE = re.compile(rb"[^=]+={0,2}")


def is_grpc_web(content_type: bytes) -> bool:
    """Whether a request is gRPC-Web, in either form."""
    return content_type.startswith(b"application/grpc-web")


def web_receive(receive: Receive, headers: Headers) -> Receive:
    """*receive* as a gRPC call expects it."""
    if not headers[b"content-type"].startswith(_TEXT):
        return receive
    rest = b""

    async def decoded() -> Event:
        nonlocal rest
        event = await receive()
        if event["type"] != "http.request":
            return event
        text = rest + event.get("body", b"")
        has_more = event.get("more_body", False)
        end = len(text) - len(text) % 4 if has_more else len(text)
        rest = text[end:]
        return {"type": "http.request", "body": _decode(text[:end]), "more_body": has_more}

    return decoded


def _decode(text: bytes) -> bytes:
    pieces = _PIECE.findall(text)
    try:
        if sum(map(len, pieces)) == len(text):
            return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
    except binascii.Error:
        pass
    raise InvalidRequest("the body is not base64")


def web_send(send: Send, headers: Headers, *, allows_cors: bool) -> Send:
    """*send* for a gRPC call, which gives it trailers."""
    is_text = headers[b"content-type"].startswith(_TEXT)
    has_trailers = False

    async def encoded(event: Event) -> None:
        nonlocal has_trailers
        if event["type"] == "http.response.start":
            has_trailers = event.get("trailers", False)
            own = [(b"content-type", headers[b"content-type"])]
            own += [each for each in event["headers"] if each[0] != b"content-type"]
            if allows_cors:
                own += cross_origin_headers(headers)
            await send({"type": event["type"], "status": event["status"], "headers": own})
            return
        is_last = event["type"] == "http.response.trailers"
        body = _trailers_frame(event["headers"]) if is_last else event["body"]
        more = not is_last and (has_trailers or event["more_body"])
        body = base64.b64encode(body) if is_text else body
        await send({"type": "http.response.body", "body": body, "more_body": more})

    return encoded


def _trailers_frame(trailers: list[tuple[bytes, bytes]]) -> bytes:
    block = b"".join(b"%s: %s\r\n" % each for each in trailers)
    return _TRAILERS_FLAG + len(block).to_bytes(4, "big") + block
