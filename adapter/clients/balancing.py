"""Several servers behind one port: taking turns, and trying another one when one fails."""

from __future__ import annotations

import logging
import time

from adapter.clients.circle import Answered, Circle, Connect, Member
from adapter.clients.servers import ServerGroup
from adapter.clients.tls import TlsFiles
from adapter.per_process import PerProcess
from adapter.ports import Scores, Tensors
from model_store.errors import (
    DeadlineExceeded,
    ServableNotFound,
    ServerFailed,
    ServerUnreachable,
)

logger = logging.getLogger(__name__)

# More would let one picture that ends servers end all of them.
_ATTEMPTS = 3
_PAUSE_S = 0.05


class BalancedServers:
    """The servers of one group; opens connections on first use, and again in a forked process.

    A prediction changes nothing, so what a server did not answer is asked of another one, or
    once more of the only one, as long as there is time.
    """

    def __init__(self, group: ServerGroup, tls: TlsFiles | None, connect: Connect) -> None:
        """Nothing is opened yet."""
        self._only = group.version
        self._circle = PerProcess(lambda: Circle(group, tls, connect))

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Scores:
        """See ``adapter.ports.ModelServer``."""
        asked = version
        if self._only is not None:
            if version not in (None, self._only):
                raise ServableNotFound(f"the server of {model} has version {self._only} only")
            asked = None  # by a number of the store's, which is not theirs
        answer = self._ask(model, asked, inputs, timeout_s)
        number = self._only or answer.version or version
        if number is None:
            logger.error(
                "the server of %s does not say which version answered; "
                "write in model_servers which one it is: %s/VERSION=...",
                model,
                model,
            )
            raise ServerFailed(f"the server of {model} does not say which version answered")
        return Scores(number, answer.outputs)

    def _ask(self, model: str, version: int | None, inputs: Tensors, timeout_s: float) -> Answered:
        circle, deadline = self._circle.get(), time.monotonic() + timeout_s
        member, left_s, tried = circle.next(timeout_s=timeout_s), timeout_s, list[Member]()
        while member is not None:
            try:
                return member.client.predict(model, version, inputs, timeout_s=left_s)
            except ServerUnreachable:
                tried.append(member)
                circle.leave_out(member)
                member = self._another(circle, tried, deadline)
                left_s = deadline - time.monotonic()
                if member is None or left_s <= 0:
                    raise
            except DeadlineExceeded:
                circle.doubt()
                raise
        raise ServerUnreachable("the model server is not known by that name")

    def _another(self, circle: Circle, tried: list[Member], deadline: float) -> Member | None:
        if len(tried) == _ATTEMPTS:
            return None
        left_s = deadline - time.monotonic()
        other = circle.next(tried, timeout_s=left_s)
        if other is not None or len(tried) > 1:
            return other
        time.sleep(max(0.0, min(_PAUSE_S, left_s)))
        return tried[0]

    def is_ready(self, *, timeout_s: float) -> bool:
        """Whether at least one of them is."""
        deadline = time.monotonic() + timeout_s
        members = self._circle.get().members(timeout_s=timeout_s)
        for index, member in enumerate(members):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            if member.client.is_ready(timeout_s=left_s / (len(members) - index)):
                return True
        return False

    def close(self) -> None:
        """End this process' connections, and the calls on them."""
        if circle := self._circle.take():
            circle.close()
