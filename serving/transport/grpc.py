"""One gRPC call over ASGI: unary, a stream of answers, or streams both ways.

The server under it must speak HTTP/2 and have the ``http.response.trailers`` extension.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Mapping
from functools import partial
from typing import NamedTuple

from model_store.errors import Cancelled, Code, InvalidRequest, Overloaded, Unsupported
from serving.services.methods import BidiStream, Call, Methods, ServerStream, Unary
from serving.sockets.entrance import Make
from serving.transport import grpc_frames as frames
from serving.transport.admission import Admission
from serving.transport.asgi import Event, Headers, Hold, Receive, Send, read_body
from serving.transport.direct import DirectCall, Plan, Reply, Way
from serving.transport.errors import status_of
from serving.transport.guard import Patrol
from serving.transport.inbox import Inbox
from serving.transport.observing import observation
from serving.transport.options import Options
from serving.transport.timing import timing_headers

_OK_HEADERS = [(b"content-type", b"application/grpc")]
_OK_TRAILERS = [(b"grpc-status", b"0")]
_START: Event = {
    "type": "http.response.start", "status": 200, "headers": _OK_HEADERS, "trailers": True,
}  # fmt: skip


def is_grpc(content_type: bytes) -> bool:
    """Whether a request is gRPC itself; gRPC-Web is something else."""
    return content_type == b"application/grpc" or content_type.startswith(
        (b"application/grpc+", b"application/grpc;")
    )


class GrpcSide:
    """Answers gRPC calls with the *methods*, by their full path."""

    def __init__(
        self, methods: Methods, options: Options, admission: Admission, patrol: Patrol
    ) -> None:
        self._methods = methods
        self._max_bytes = options.max_message_bytes
        self._observe = options.observe
        self._admission = admission
        self._patrol = patrol
        self._way = Way(admission, patrol, options.observe)

    async def answer(self, path: str, headers: Headers, receive: Receive, send: Send) -> None:
        """Answer one call.

        Raises:
            OSError: The client went away.
        """
        call = Call(headers=headers)
        if self._observe is None:
            await self._answer(path, call, receive, send)
            return
        begun = time.perf_counter()
        code, message = Code.CANCELLED, ""
        try:
            code, message = await self._answer(path, call, receive, send)
        finally:
            self._observe(observation(path, call, code, message, begun=begun, is_grpc=True))

    def direct(self, path: str, headers: Headers) -> Make | None:
        """What answers a call without a task, if it runs a model and needs nothing more."""
        method = self._methods.get(path)
        if not isinstance(method, Unary) or not method.runs_model:
            return None
        if headers.get(b"grpc-encoding", b"identity") != b"identity":
            return None
        timeout = headers.get(b"grpc-timeout")
        try:
            timeout_s = None if timeout is None else frames.parse_timeout(timeout)
        except InvalidRequest:
            return None  # told where all others are
        side = _DirectSide(method, self._max_bytes)
        return partial(DirectCall, Plan(path, True, headers, timeout_s, side, self._way))

    async def _answer(
        self, path: str, call: Call, receive: Receive, send: Send
    ) -> tuple[Code, str]:
        reply: bytes | None = None
        has_begun = False
        code, message = Code.OK, ""
        more: list[tuple[bytes, bytes]] = []
        try:
            method = self._methods.get(path)
            if method is None:
                raise Unsupported(f"unknown method {path}")
            call.deadline = _deadline(call.headers)
            if isinstance(method, BidiStream):
                has_begun = True
                await self._converse(method, call, receive, send)
            elif isinstance(method, ServerStream):
                with self._patrol.guard(call.deadline) as guard:
                    request = await self._read(call, receive, guard.hold)
                    guard.watch(receive)
                    has_begun = True
                    await _send_each(method.handle(request, call), call, send)
            elif method.runs_model:
                with self._admission:
                    reply = await self._reply(method, call, receive)
            else:
                reply = await self._reply(method, call, receive)
        except Exception as error:
            code, message = status_of(error)
            more = _pushback(error)
        if reply is None:
            await _end(send, [*_status(code, message), *more], has_begun=has_begun)
        else:
            call.response_bytes = len(reply)
            await _answer_once(send, reply, [*_OK_TRAILERS, *timing_headers(call)])
        return code, message

    async def _reply(self, method: Unary, call: Call, receive: Receive) -> bytes:
        with self._patrol.guard(call.deadline) as guard:
            request = await self._read(call, receive, guard.hold)
            guard.watch(receive)
            return await method.handle(request, call)

    async def _read(self, call: Call, receive: Receive, hold: Hold) -> bytes:
        body = await read_body(receive, self._max_bytes, hold, frame_bytes=frames.PREFIX_BYTES)
        call.request_bytes = len(body) - frames.PREFIX_BYTES
        message = frames.decode_frame(body, _encoding(call), self._max_bytes)
        hold(max(len(message) - len(body), 0))  # where it was compressed
        return message

    async def _converse(self, method: BidiStream, call: Call, receive: Receive, send: Send) -> None:
        inbox = Inbox(receive, frames.FrameReader(_encoding(call), self._max_bytes))
        try:
            with self._patrol.guard(call.deadline) as guard:
                guard.watch(inbox.disconnect)
                await _send_each(method.handle(inbox.messages(), call), call, send)
        finally:
            inbox.stop()
            call.request_bytes = inbox.received_bytes


class _DirectSide(NamedTuple):
    """A method that takes one message and gives one."""

    method: Unary
    max_bytes: int

    def ask(self, body: bytes, call: Call) -> Awaitable[bytes]:
        """Give the message to the method."""
        call.request_bytes = len(body) - frames.PREFIX_BYTES
        return self.method.handle(frames.decode_frame(body, b"identity", self.max_bytes), call)

    def tell(self, outcome: bytes | Exception, call: Call) -> Reply:
        """The method's message, or the error's status in the place of all."""
        if isinstance(outcome, Exception):
            code, message = status_of(outcome)
            status = [*_OK_HEADERS, *_status(code, message), *_pushback(outcome)]
            return Reply(200, status, b"", code, message)
        call.response_bytes = len(outcome)
        trailers = [*_OK_TRAILERS, *timing_headers(call)]
        return Reply(200, _OK_HEADERS, frames.encode_frame(outcome), Code.OK, trailers=trailers)


def _deadline(headers: Mapping[bytes, bytes]) -> float | None:
    value = headers.get(b"grpc-timeout")
    if value is None:
        return None
    return asyncio.get_running_loop().time() + frames.parse_timeout(value)


def _encoding(call: Call) -> bytes:
    return call.headers.get(b"grpc-encoding", b"identity")


async def _send_each(messages: AsyncIterator[bytes], call: Call, send: Send) -> None:
    try:
        await send(_START)
    except OSError as error:
        raise Cancelled("the client went away") from error
    async for message in messages:
        frame = frames.encode_frame(message)
        call.response_bytes += len(message)
        try:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        except OSError as error:
            raise Cancelled("the client went away") from error


async def _answer_once(send: Send, message: bytes, trailers: list[tuple[bytes, bytes]]) -> None:
    """A whole unary answer, in as few events as ASGI allows: each costs a hand-over."""
    await send(_START)
    frame = frames.encode_frame(message)
    await send({"type": "http.response.body", "body": frame, "more_body": False})
    await send({"type": "http.response.trailers", "headers": trailers, "more_trailers": False})


def _status(code: Code, message: str) -> list[tuple[bytes, bytes]]:
    return _OK_TRAILERS if code is Code.OK else frames.status_headers(code, message)


def _pushback(error: Exception) -> list[tuple[bytes, bytes]]:
    """When to try again, as gRPC's clients understand it."""
    if not isinstance(error, Overloaded):
        return []
    return [(b"grpc-retry-pushback-ms", b"%d" % round(error.retry_after_s * 1e3))]


async def _end(send: Send, status: list[tuple[bytes, bytes]], *, has_begun: bool) -> None:
    """Close the response: with trailers, or with headers alone when nothing was sent."""
    if not has_begun:
        headers = [*_OK_HEADERS, *status]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    await send({"type": "http.response.trailers", "headers": status, "more_trailers": False})
