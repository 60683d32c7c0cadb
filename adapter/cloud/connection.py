"""One of Google's clients over a channel of ours: opened late, for one process, and anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import grpc

from adapter.cloud.channel import open_channel
from adapter.cloud.endpoint import Endpoint
from adapter.cloud.statuses import as_easel_errors
from adapter.per_process import PerProcess
from model_store.errors import AccessRefused

ClientT = TypeVar("ClientT")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Opened(Generic[ClientT]):
    channel: grpc.Channel
    client: ClientT


class Connection(Generic[ClientT]):
    """Opens on the first call, and again after a fork or when our credentials are refused.

    Who is refused may have been given a new key since: it is read with the next call.
    """

    def __init__(
        self, service: str, endpoint: Endpoint, to_client: Callable[[grpc.Channel], ClientT]
    ) -> None:
        self._service = service
        self._endpoint = endpoint
        self._to_client = to_client
        self._opened = PerProcess(self._open)

    def call(self, use: Callable[[ClientT], T]) -> T:
        """What *use* makes of the client.

        Raises:
            EaselError: The call failed.
        """
        opened = self._opened.get()
        try:
            with as_easel_errors(self._service):
                return use(opened.client)
        except AccessRefused:
            self._opened.take()  # not closed: others' calls are on it
            raise

    def close(self) -> None:
        """Let go of this process' channel."""
        if (opened := self._opened.take()) is not None:
            opened.channel.close()

    def _open(self) -> _Opened[ClientT]:
        channel = open_channel(self._endpoint)
        return _Opened(channel, self._to_client(channel))
