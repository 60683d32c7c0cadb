"""The servers of a group, in one process: which are there, and which are left out for now."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapter.clients.places import Place, find_places, is_fixed
from adapter.clients.servers import Address, ServerGroup
from adapter.clients.tls import TlsFiles
from adapter.ports import Tensors
from model_store.errors import EaselError

logger = logging.getLogger(__name__)

PROBE_S = 1.0
LOOK_UP_S = 5.0
# Between two rounds, however many calls fail.
_BREATH_S = 0.05
# For calls that have begun on a server that its name does not lead to any more.
_PARTING_S = 30.0


@dataclass(frozen=True, slots=True)
class Answered:
    """The outputs, and the version that computed them; None if the server does not say."""

    version: int | None
    outputs: Tensors


class Client(Protocol):
    """What speaks to one place."""

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Answered:
        """As ``adapter.ports.ModelServer`` has it, but for what is not known of the answer."""
        ...

    def is_ready(self, *, timeout_s: float) -> bool:
        """Whether the server answers and has loaded its models."""
        ...

    def close(self) -> None:
        """End its connections."""
        ...


Connect = Callable[[Place], Client]
Find = Callable[[Iterable[Address], TlsFiles | None], Sequence[Place]]


@dataclass(eq=False, slots=True)
class Member:
    """One server; ``is_out`` while it is not to be asked."""

    place: Place
    client: Client
    is_out: bool = False


class Circle:
    """Whose turn it is.

    A thread looks after it: it asks every second who is ready, where there is a choice, and
    looks names up again.  A server that failed is out until it says that it is ready.
    """

    def __init__(
        self,
        group: ServerGroup,
        tls: TlsFiles | None,
        connect: Connect,
        find: Find = find_places,
    ) -> None:
        """Opens the connections; looks names up, with *find*, in its thread."""
        self._group, self._tls, self._connect, self._find = group, tls, connect, find
        self._turn = itertools.count()
        self._members: tuple[Member, ...] = ()
        self._parting: list[tuple[float, Member]] = []
        self._changing = threading.Lock()
        self._is_found, self._hurry, self._is_closed = (threading.Event() for _ in range(3))
        self._has_failed = False
        self._has_names = not all(is_fixed(address) for address in group.addresses)
        if not self._has_names:
            self._look_up()
        self._thread = threading.Thread(target=self._look_after, name="model-servers", daemon=True)
        if self._has_names or len(self._members) > 1:
            self._thread.start()

    def members(self, *, timeout_s: float) -> tuple[Member, ...]:
        """All of them, those first that are not left out; waits until names were looked up."""
        self._is_found.wait(timeout_s)
        return tuple(sorted(self._members, key=lambda member: member.is_out))

    def next(self, but: Collection[Member] = (), *, timeout_s: float) -> Member | None:
        """Whose turn it is, but for some; None where nobody is left.

        Where all are left out all are asked: perhaps only the news of them is bad.
        """
        if not self._members:
            self._is_found.wait(timeout_s)
        others = [member for member in self._members if member not in but]
        among = [member for member in others if not member.is_out] or others
        return among[next(self._turn) % len(among)] if among else None

    def leave_out(self, member: Member) -> None:
        """Do not ask *member* until it is ready again."""
        if len(self._members) > 1 and not member.is_out:
            logger.warning("the model server at %s is left out for now", member.place)
            member.is_out = True
        self._has_failed = True
        self._hurry.set()

    def doubt(self) -> None:
        """Somebody was too slow: ask all now whether they are ready."""
        self._hurry.set()

    def close(self) -> None:
        """End the thread and all connections."""
        self._is_closed.set()
        self._hurry.set()
        if self._thread.ident:
            self._thread.join(2 * PROBE_S)
        with self._changing:
            members = [*self._members, *(member for _, member in self._parting)]
            self._members, self._parting = (), []
        for member in members:
            member.client.close()

    def _look_after(self) -> None:
        looked_up = float("-inf")
        while not self._is_closed.wait(_BREATH_S):
            self._hurry.clear()
            is_urgent, self._has_failed = self._has_failed or not self._members, False
            if self._has_names and time.monotonic() >= looked_up + LOOK_UP_S * (not is_urgent):
                looked_up = time.monotonic()
                try:
                    self._look_up()
                except EaselError as error:  # a file of the encryption is being replaced
                    logger.error("model servers cannot be connected to: %s", error)
            if len(self._members) > 1:
                for member in self._members:
                    self._probe(member)
            self._hurry.wait(PROBE_S)

    def _probe(self, member: Member) -> None:
        if self._is_closed.is_set():
            return
        is_out = not member.client.is_ready(timeout_s=PROBE_S)
        if is_out == member.is_out:
            return
        member.is_out = is_out
        words = "is left out for now: it is not ready" if is_out else "is asked again"
        logger.warning("the model server at %s %s", member.place, words)

    def _look_up(self) -> None:
        places = self._find(self._group.addresses, self._tls)
        if places:  # a name server that does not answer takes nobody away
            self._change(places)
        self._is_found.set()

    def _change(self, places: Sequence[Place]) -> None:
        now = time.monotonic()
        with self._changing:
            if self._is_closed.is_set():
                return
            known = {member.place: member for member in self._members}
            self._members = tuple(
                known.pop(place) if place in known else Member(place, self._connect(place))
                for place in places
            )
            ended = [member for since, member in self._parting if now >= since + _PARTING_S]
            self._parting = [each for each in self._parting if each[1] not in ended]
            self._parting += [(now, member) for member in known.values()]
        for member in ended:
            member.client.close()
