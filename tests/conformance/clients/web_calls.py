"""gRPC-Web by plain HTTP, framed as a browser's client frames it; standard library only."""

from __future__ import annotations

import http.client
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TRAILERS = 0x80


@dataclass(frozen=True)
class WebAnswer:
    """The messages' bytes, and the trailers that end them."""

    messages: list[bytes]
    trailers: dict[str, str]


@dataclass(frozen=True)
class Web:
    """One server, and whether frames go as base64 text."""

    address: str
    is_text: bool

    def call(self, method: str, messages: Sequence[Any]) -> WebAnswer:
        """The answer to a call; it has the HTTP status 200 whatever the call's own."""
        connection, response = self.begin(method, messages)
        body = response.read()
        connection.close()
        answer = parse(b64_parts(body) if self.is_text else body)
        # An answer without messages may have its trailers among the headers instead.
        named = ((name, response.headers[name]) for name in ("grpc-status", "grpc-message"))
        in_headers = {name: value for name, value in named if value is not None}
        assert bool(answer.trailers) != bool(in_headers), "the status is missing, or there twice"
        return WebAnswer(answer.messages, answer.trailers or in_headers)

    def begin(
        self, method: str, messages: Sequence[Any]
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """A call whose answer has begun."""
        kind = "application/grpc-web-text" if self.is_text else "application/grpc-web+proto"
        body = b"".join(frame(message.SerializeToString()) for message in messages)
        connection = http.client.HTTPConnection(self.address, timeout=20)
        connection.request(
            "POST", method, b64encode(body) if self.is_text else body,
            {"Content-Type": kind, "Accept": kind, "X-Grpc-Web": "1"},
        )  # fmt: skip
        response = connection.getresponse()
        assert response.status == 200, response.status
        assert response.headers["Content-Type"] == kind, response.headers
        return connection, response


def frame(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def b64_parts(body: bytes) -> bytes:
    """Several texts in a row, each of which may end with its own padding."""
    return b"".join(b64decode(body[at : at + 4]) for at in range(0, len(body), 4))


def parse(body: bytes) -> WebAnswer:
    messages, trailers = [], {}
    while body:
        flags, length = body[0], int.from_bytes(body[1:5], "big")
        part, body = body[5 : 5 + length], body[5 + length :]
        if flags & TRAILERS:
            assert not body, "something follows the trailers"
            lines = part.decode().split("\r\n")[:-1]
            trailers = {key: value.strip() for key, _, value in (x.partition(":") for x in lines)}
        else:
            messages.append(part)
    return WebAnswer(messages, trailers)
