"""Calls of a model that came whole, answered without a task where the model is quick.

They take two turns of the event loop: in the first each request is read and its rows are
queued, in the second all have been computed, together, and each is answered.  For that the
coroutine behind a call is begun and gone on with by hand.  What takes longer becomes a task
then, with a guard like any other call's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Generator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from model_store.errors import Code
from serving.services.methods import Call
from serving.services.observation import Observe
from serving.sockets.entrance import Answerable
from serving.transport.admission import Admission
from serving.transport.guard import Patrol
from serving.transport.observing import observation

Headers = list[tuple[bytes, bytes]]
Labels = Sequence[tuple[bytes, bytes]]


class Reply(NamedTuple):
    """A whole answer.

    Attributes:
        status: HTTP's.
        headers: In lower case.
        body: As it is sent.
        code: How the call ended.
        message: Why it failed; empty otherwise.
        trailers: Sent after the body; None for an answer without.
    """

    status: int
    headers: Headers
    body: bytes
    code: Code
    message: str = ""
    trailers: Headers | None = None


class Side(Protocol):
    """What makes a call of a body, and an answer of what came of it."""

    def ask(self, body: bytes, call: Call) -> Awaitable[Any]:
        """Begin; raises what is wrong with the body."""
        ...

    def tell(self, outcome: Any, call: Call) -> Reply:
        """What to answer to what was awaited, or to the exception in its place."""
        ...


class Way(NamedTuple):
    """Who lets calls in, guards and counts them.

    Attributes:
        admission: Counts those that are inside.
        patrol: Guards those that last, and counts the memory of all.
        observe: Told of each that has ended.
    """

    admission: Admission
    patrol: Patrol
    observe: Observe | None


class Plan(NamedTuple):
    """What is known of a call before its body is read.

    Attributes:
        path: gRPC's full method, or HTTP's path.
        is_grpc: Whether it is gRPC.
        headers: Names in lower case.
        timeout_s: How long it may take; None for any time.
        side: Knows the protocol.
        way: Lets it in.
    """

    path: str
    is_grpc: bool
    headers: Mapping[bytes, bytes]
    timeout_s: float | None
    side: Side
    way: Way


class DirectCall:
    """One such call.  Lives on one event loop."""

    __slots__ = (
        "_begun", "_body", "_call", "_exchange", "_held", "_is_inside", "_plan", "_steps",
        "_waits_for",
    )  # fmt: skip

    def __init__(
        self, plan: Plan, exchange: Answerable, body: bytes, *, labels: Labels = ()
    ) -> None:
        """Begin nothing yet; *body* is the whole of it, *labels* are headers of this one alone."""
        self._plan = plan._replace(headers={**plan.headers, **dict(labels)}) if labels else plan
        self._exchange = exchange
        self._body = body
        self._held = 0
        self._is_inside = False

    def begin(self) -> bool:
        """Go as far as can be gone; returns whether that was to the end."""
        plan, body, wait = self._plan, self._body, self._plan.timeout_s
        self._begun = time.perf_counter()
        deadline = None if wait is None else asyncio.get_running_loop().time() + wait
        call = self._call = Call(deadline, plan.headers, request_bytes=len(body))
        if self._exchange.is_gone:
            self._answer(None)
            return True
        try:
            plan.way.admission.enter()
            self._is_inside = True
            plan.way.patrol.memory.take(len(body))
            self._held = len(body)
            self._steps: Steps = plan.side.ask(body, call).__await__()
        except Exception as error:
            self._answer(error)
            return True
        return self._has_ended()

    def go_on(self) -> None:
        """Answer, if what was begun has been computed by now; else wait for it in a task."""
        while self._waits_for is not None and self._waits_for.done():
            if self._has_ended():
                return
        self._exchange.task = asyncio.get_running_loop().create_task(self._wait())

    def _has_ended(self) -> bool:
        """Let it take a step, after which it has ended or waits for something else."""
        try:
            self._waits_for = next(self._steps)
        except StopIteration as stop:
            self._answer(stop.value)
        except Exception as error:
            self._answer(error)
        else:
            return False
        return True

    async def _wait(self) -> None:
        try:
            with self._plan.way.patrol.guard(self._call.deadline) as guard:
                guard.watch(self._exchange.receive)
                outcome = await _Rest(self._steps, self._waits_for)
        except Exception as error:
            outcome = error
        except BaseException:
            self._leave()
            self._end(Code.CANCELLED, "")
            raise
        self._answer(outcome)

    def _answer(self, outcome: object) -> None:
        """Send what came of it, and be done with it, unless the client does not take so much."""
        self._leave()
        exchange = self._exchange
        code, message = Code.CANCELLED, ""
        try:
            if not exchange.is_gone:
                reply = self._plan.side.tell(outcome, self._call)
                if not exchange.answer(reply.status, reply.headers, reply.body, reply.trailers):
                    sending = self._send_slowly(reply)
                    exchange.task = asyncio.get_running_loop().create_task(sending)
                    return
                code, message = reply.code, reply.message
        except BaseException:
            self._end(Code.INTERNAL, "")
            raise
        self._end(code, message)

    async def _send_slowly(self, reply: Reply) -> None:
        send, trailers = self._exchange.send, reply.trailers
        code, message = Code.CANCELLED, ""
        start = {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
        try:
            await send({**start, "trailers": trailers is not None})
            await send({"type": "http.response.body", "body": reply.body, "more_body": False})
            if trailers is not None:
                await send({"type": "http.response.trailers", "headers": trailers})
            code, message = reply.code, reply.message
        except OSError:
            pass  # the client went away
        finally:
            self._end(code, message)

    def _leave(self) -> None:
        """Make room for the next."""
        way = self._plan.way
        way.patrol.memory.give(self._held)
        if self._is_inside:
            way.admission.leave()

    def _end(self, code: Code, message: str) -> None:
        plan, call = self._plan, self._call
        try:
            if plan.way.observe is not None:
                plan.way.observe(
                    observation(
                        plan.path, call, code, message, begun=self._begun, is_grpc=plan.is_grpc
                    )
                )
        finally:
            self._exchange.end()


Steps = Generator[Any, Any, Any]


class _Rest(Steps):
    """The rest of a coroutine that was begun by hand, for a task to await."""

    def __init__(self, steps: Steps, waits_for: asyncio.Future[Any] | None) -> None:
        self._steps = steps
        self._waits_for = waits_for
        self._is_new = True

    def __await__(self) -> Steps:
        return self

    def send(self, value: object) -> Any:
        """Wait for what it waits for already, and then go on."""
        if self._is_new:
            self._is_new = False
            return self._waits_for
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise where it waits."""
        return self._steps.throw(*error)
