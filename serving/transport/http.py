"""One HTTP request over ASGI: read whole, given to the API of its path, answered.

Compression both ways, deadlines, cross-origin rules and the form of errors are the same
for every API and live here.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import NamedTuple
from urllib.parse import parse_qsl

from model_store.errors import Code, InvalidRequest
from serving.services.http import HttpApi, HttpApis, HttpRequest, HttpResponse
from serving.services.methods import Call
from serving.sockets.entrance import Make
from serving.transport.admission import Admission
from serving.transport.asgi import Event, Headers, Hold, Receive, Send, read_body
from serving.transport.compression import chosen_encoding, deflate, inflate, too_large
from serving.transport.cors import cross_origin_headers, is_preflight, preflight_response
from serving.transport.direct import DirectCall, Plan, Reply, Way
from serving.transport.errors import code_of, failure, json_error
from serving.transport.grpc import is_grpc
from serving.transport.grpc_frames import parse_timeout
from serving.transport.guard import Patrol
from serving.transport.observing import observation
from serving.transport.options import Options
from serving.transport.timing import timing_headers

# Below it a header costs more than compression saves.
_WORTH_PACKING_BYTES = 1024
# Above it zlib, which lets other threads run, would hold up the event loop for too long.
_LONG_BYTES = 128 * 1024
_MILLISECONDS = re.compile(rb"[0-9]{1,10}")
_DIGITS = 18
# Headers that may want the body, or the answer, packed or unpacked.
_MORE_WORK = {b"accept-encoding", b"content-encoding"}


class HttpSide:
    """Answers HTTP requests with the *apis*, by the first part of their path."""

    def __init__(
        self, apis: HttpApis, options: Options, admission: Admission, patrol: Patrol
    ) -> None:
        self._apis = apis
        self._options = options
        self._admission = admission
        self._patrol = patrol
        self._way = Way(admission, patrol, options.observe)

    async def answer(self, scope: Event, headers: Headers, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            OSError: The client went away.
        """
        call = Call(headers=headers)
        observe = self._options.observe
        if observe is None:
            await self._answer(scope, call, receive, send)
            return
        begun = time.perf_counter()
        code, message = Code.CANCELLED, ""
        try:
            code, message = await self._answer(scope, call, receive, send)
        finally:
            observe(observation(scope["path"], call, code, message, begun=begun, is_grpc=False))

    async def _answer(
        self, scope: Event, call: Call, receive: Receive, send: Send
    ) -> tuple[Code, str]:
        try:
            response = await self._respond(scope, call, receive)
            code, message = code_of(response.status), ""
        except Exception as error:
            response, code, message = failure(error)
        extra = timing_headers(call)
        if self._options.allows_cors:
            extra += cross_origin_headers(call.headers)
        body, encoding = await _packed(response.body, call.headers)
        call.response_bytes = len(body)
        await _send(send, scope["method"], response, body, [*extra, *encoding])
        return code, message

    def direct(self, scope: Event, headers: Headers) -> Make | None:
        """What answers a request without a task, if it runs a model and needs nothing more."""
        path, api = scope["path"], self._apis.get(_first_part(scope["path"]))
        if (
            api is None
            or scope["method"] != "POST"
            or self._options.allows_cors
            or not self._options.runs_model(path)
            or not headers.keys().isdisjoint(_MORE_WORK)
            or not _is_within(headers.get(b"content-length", b""), self._options.max_message_bytes)
        ):
            return None
        try:
            timeout_s = _least(self._options.http_timeout_s, _timeout(headers))
        except InvalidRequest:
            return None  # told where all others are
        request = HttpRequest("POST", path, _query(scope["query_string"]), headers)
        plan = Plan(path, False, headers, timeout_s, _DirectSide(api, request), self._way)
        return partial(DirectCall, plan)

    async def _respond(self, scope: Event, call: Call, receive: Receive) -> HttpResponse:
        method, path = scope["method"], scope["path"]
        if self._options.allows_cors and is_preflight(method, call.headers):
            return preflight_response(call.headers)
        api = self._apis.get(_first_part(path))
        if api is None and is_grpc(call.headers.get(b"content-type", b"")):
            return json_error(426, "gRPC needs HTTP/2; over HTTP/1.1 use gRPC-Web")
        if api is None:
            return json_error(404, f"there is nothing at {path}")
        call.deadline = self._deadline(call.headers)
        if method == "POST":  # what runs a model comes with a body
            with self._admission:
                return await self._ask(api, scope, call, receive)
        return await self._ask(api, scope, call, receive)

    async def _ask(self, api: HttpApi, scope: Event, call: Call, receive: Receive) -> HttpResponse:
        method, path = scope["method"], scope["path"]
        with self._patrol.guard(call.deadline) as guard:
            body = await self._read(call, receive, guard.hold)
            guard.watch(receive)
            method = "GET" if method == "HEAD" else method
            request = HttpRequest(method, path, _query(scope["query_string"]), call.headers, body)
            return await api(request, call)

    async def _read(self, call: Call, receive: Receive, hold: Hold) -> bytes:
        limit = self._options.max_message_bytes
        announced = call.headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > limit:
            raise too_large(int(announced), limit)  # before any of it was taken
        body = await read_body(receive, limit, hold)
        call.request_bytes = len(body)
        encoding = call.headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding == b"identity" or not body:
            return body
        if len(body) <= _LONG_BYTES:
            plain = inflate(body, encoding, limit)
        else:
            plain = await asyncio.to_thread(inflate, body, encoding, limit)
        hold(len(plain))
        return plain

    def _deadline(self, headers: Mapping[bytes, bytes]) -> float | None:
        wait = _least(self._options.http_timeout_s, _timeout(headers))
        return None if wait is None else asyncio.get_running_loop().time() + wait


class _DirectSide(NamedTuple):
    """A request but for its body, and who answers it."""

    api: HttpApi
    request: HttpRequest

    def ask(self, body: bytes, call: Call) -> Awaitable[HttpResponse]:
        """Give it to the API."""
        method, path, query, headers, _ = self.request
        return self.api(HttpRequest(method, path, query, headers, body), call)

    def tell(self, outcome: HttpResponse | Exception, call: Call) -> Reply:
        """The API's response, or the error as JSON."""
        if isinstance(outcome, Exception):
            response, code, message = failure(outcome)
        else:
            response, code, message = outcome, code_of(outcome.status), ""
        body = response.body
        call.response_bytes = len(body)
        headers = _headers(response, body, timing_headers(call))
        return Reply(response.status, headers, body, code, message)


def _is_within(announced: bytes, limit: int) -> bool:
    return announced.isdigit() and len(announced) < _DIGITS and int(announced) <= limit


def _least(ours: float | None, theirs: float | None) -> float | None:
    return min(ours, theirs) if ours is not None and theirs is not None else ours or theirs


def _first_part(path: str) -> str:
    """Where a request goes; TF Serving's routes know no case."""
    return path[1:].partition("/")[0].lower()


def _timeout(headers: Mapping[bytes, bytes]) -> float | None:
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


async def _packed(
    body: bytes, headers: Mapping[bytes, bytes]
) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
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
    extra: list[tuple[bytes, bytes]],
) -> None:
    headers = _headers(response, body, extra)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    sent = b"" if method == "HEAD" else body
    await send({"type": "http.response.body", "body": sent, "more_body": False})


def _headers(
    response: HttpResponse, body: bytes, extra: list[tuple[bytes, bytes]]
) -> list[tuple[bytes, bytes]]:
    headers = [*response.headers, *extra]
    if response.status != 204:
        headers += [
            (b"content-type", response.content_type),
            (b"content-length", b"%d" % len(body)),
        ]
    return headers
