"""One gRPC call over ASGI: unary, a stream of answers, or streams both ways.

The server under it must speak HTTP/2 and have the ``http.response.trailers`` extension.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from model_store.errors import Cancelled, Code, Unsupported
from serving.services.methods import BidiStream, Call, Methods, Unary
from serving.transport import grpc_frames as frames
from serving.transport.asgi import Event, Headers, Receive, Send, read_body
from serving.transport.errors import status_of
from serving.transport.guard import unless_gone
from serving.transport.inbox import Inbox

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

    def __init__(self, methods: Methods, max_message_bytes: int) -> None:
        self._methods = methods
        self._max_bytes = max_message_bytes

    async def answer(self, path: str, headers: Headers, receive: Receive, send: Send) -> None:
        """Answer one call.

        Raises:
            OSError: The client went away.
        """
        reply: bytes | None = None
        has_begun = False
        try:
            method = self._methods.get(path)
            if method is None:
                raise Unsupported(f"unknown method {path}")
            call = Call(_deadline(headers), headers)
            if isinstance(method, BidiStream):
                has_begun = True
                await self._converse(method, call, receive, send)
            else:
                request = await self._read(call, receive)
                if isinstance(method, Unary):
                    reply = await unless_gone(method.handle(request, call), call, receive)
                else:
                    has_begun = True
                    answers = _send_each(method.handle(request, call), send)
                    await unless_gone(answers, call, receive)
            code, message = Code.OK, ""
        except Exception as error:
            code, message = status_of(error)
        if reply is None:
            await _end(send, code, message, has_begun=has_begun)
        else:
            await _answer_once(send, reply)

    async def _read(self, call: Call, receive: Receive) -> bytes:
        body = await read_body(
            receive, self._max_bytes, call.deadline, frame_bytes=frames.PREFIX_BYTES
        )
        return frames.decode_frame(body, _encoding(call), self._max_bytes)

    async def _converse(self, method: BidiStream, call: Call, receive: Receive, send: Send) -> None:
        inbox = Inbox(receive, frames.FrameReader(_encoding(call), self._max_bytes))
        try:
            answers = method.handle(inbox.messages(), call)
            await unless_gone(_send_each(answers, send), call, inbox.disconnect)
        finally:
            inbox.stop()


def _deadline(headers: Headers) -> float | None:
    value = headers.get(b"grpc-timeout")
    if value is None:
        return None
    return asyncio.get_running_loop().time() + frames.parse_timeout(value)


def _encoding(call: Call) -> bytes:
    return call.headers.get(b"grpc-encoding", b"identity")


async def _send_each(messages: AsyncIterator[bytes], send: Send) -> None:
    try:
        await send(_START)
    except OSError as error:
        raise Cancelled("the client went away") from error
    async for message in messages:
        frame = frames.encode_frame(message)
        try:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        except OSError as error:
            raise Cancelled("the client went away") from error


async def _answer_once(send: Send, message: bytes) -> None:
    """A whole unary answer, in as few events as ASGI allows: each costs a hand-over."""
    await send(_START)
    frame = frames.encode_frame(message)
    await send({"type": "http.response.body", "body": frame, "more_body": False})
    await send({"type": "http.response.trailers", "headers": _OK_TRAILERS, "more_trailers": False})


async def _end(send: Send, code: Code, message: str, *, has_begun: bool) -> None:
    """Close the response: with trailers, or with headers alone when nothing was sent."""
    status = _OK_TRAILERS if code is Code.OK else frames.status_headers(code, message)
    if not has_begun:
        headers = [*_OK_HEADERS, *status]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    await send({"type": "http.response.trailers", "headers": status, "more_trailers": False})
