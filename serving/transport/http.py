"""One HTTP request over ASGI: read whole, given to the API of its path, answered.

Compression both ways, deadlines, cross-origin rules and the form of errors are the same
for every API and live here.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qsl

from model_store.errors import InvalidRequest
from serving.services.http import HttpApis, HttpRequest, HttpResponse
from serving.services.methods import Call
from serving.transport.asgi import Event, Headers, Receive, Send, read_body
from serving.transport.compression import chosen_encoding, deflate, inflate, too_large
from serving.transport.cors import cross_origin_headers, is_preflight, preflight_response
from serving.transport.errors import error_response, json_error
from serving.transport.grpc_frames import parse_timeout
from serving.transport.guard import unless_gone
from serving.transport.options import Options

# Below it a header costs more than compression saves.
_WORTH_PACKING_BYTES = 1024
# Above it zlib, which lets other threads run, would hold up the event loop for too long.
_LONG_BYTES = 128 * 1024
_MILLISECONDS = re.compile(rb"[0-9]{1,10}")


class HttpSide:
    """Answers HTTP requests with the *apis*, by the first part of their path."""

    def __init__(self, apis: HttpApis, options: Options) -> None:
        self._apis = apis
        self._options = options

    async def answer(self, scope: Event, headers: Headers, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            OSError: The client went away.
        """
        try:
            response = await self._respond(scope, headers, receive)
        except Exception as error:
            response = error_response(error)
        extra = cross_origin_headers(headers) if self._options.allows_cors else ()
        packed, encoding = await _packed(response.body, headers)
        await _send(send, scope["method"], response, packed, (*extra, *encoding))

    async def _respond(self, scope: Event, headers: Headers, receive: Receive) -> HttpResponse:
        method, path = scope["method"], scope["path"]
        if self._options.allows_cors and is_preflight(method, headers):
            return preflight_response(headers)
        # TF Serving's routes know no case.
        api = self._apis.get(path[1:].partition("/")[0].lower())
        if api is None:
            return json_error(404, f"there is nothing at {path}")
        call = Call(self._deadline(headers), headers)
        request = HttpRequest(
            "GET" if method == "HEAD" else method,
            path,
            _query(scope["query_string"]),
            headers,
            await self._read(headers, receive, call.deadline),
        )
        return await unless_gone(api(request, call), call, receive)

    async def _read(self, headers: Headers, receive: Receive, deadline: float | None) -> bytes:
        limit = self._options.max_message_bytes
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > limit:
            raise too_large(int(announced), limit)  # before any of it was taken
        body = await read_body(receive, limit, deadline)
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding == b"identity" or not body:
            return body
        if len(body) <= _LONG_BYTES:
            return inflate(body, encoding, limit)
        return await asyncio.to_thread(inflate, body, encoding, limit)

    def _deadline(self, headers: Headers) -> float | None:
        waits = [self._options.http_timeout_s, _timeout(headers)]
        given = [wait for wait in waits if wait is not None]
        return asyncio.get_running_loop().time() + min(given) if given else None


def _timeout(headers: Headers) -> float | None:
    """Seconds the client will wait, of gRPC's header or of the one in milliseconds."""
    value = headers.get(b"x-request-timeout-ms")
    if value is None:
        value = headers.get(b"grpc-timeout")
        return None if value is None else parse_timeout(value)
    if not _MILLISECONDS.fullmatch(value):
        raise InvalidRequest(f"invalid x-request-timeout-ms {value.decode('latin-1')!r}")
    return int(value) / 1e3


def _query(query: bytes) -> dict[str, str]:
    if not query:
        return {}
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


async def _packed(body: bytes, headers: Headers) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """*body* as the client likes it, and the headers that say so."""
    accepted = headers.get(b"accept-encoding")
    if accepted is None or len(body) < _WORTH_PACKING_BYTES:
        return body, ()
    encoding = chosen_encoding(accepted)
    vary = (b"vary", b"accept-encoding")
    if encoding is None:
        return body, (vary,)
    if len(body) <= _LONG_BYTES:
        packed = deflate(body, encoding)
    else:
        packed = await asyncio.to_thread(deflate, body, encoding)
    return packed, ((b"content-encoding", encoding), vary)


async def _send(
    send: Send,
    method: str,
    response: HttpResponse,
    body: bytes,
    extra: tuple[tuple[bytes, bytes], ...],
) -> None:
    headers = [*response.headers, *extra]
    if response.status != 204:
        headers += [
            (b"content-type", response.content_type),
            (b"content-length", b"%d" % len(body)),
        ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    sent = b"" if method == "HEAD" else body
    await send({"type": "http.response.body", "body": sent, "more_body": False})
