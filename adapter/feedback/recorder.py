"""Where answers and feedback are handed in; a thread of the process writes them down.

Handing in costs a hash, and where the request is sampled a place in a queue, which is as
large as picture and answer.  The thread begins with the first request that a process sees,
because WSGI servers fork, and ends with the process, when all that was handed in is on the
disk.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Thread

import msgspec

from adapter.config import FeedbackConfig
from adapter.feedback.folder import Finish, rename
from adapter.feedback.index import find_answer
from adapter.feedback.queue import ByteQueue
from adapter.feedback.records import Answered, Record
from adapter.feedback.writer import Counts, Writer, build_counter
from adapter.per_process import PerProcess
from model_store.errors import InvalidRequest, Overloaded
from model_store.spec import ModelVersion

# A record's own size in memory, beside its picture and its answer.
_RECORD_BYTES = 4096
# A number is 32 bytes in a list, and up to 20 in JSON.
_OBJECTS_TO_TEXT = 2
# A server gives its workers ten seconds to end.
_CLOSE_S = 8.0
_SETTLE_S = 1.0
# In which another process has written what it answered a moment ago.
_ELSEWHERE_S = 0.1


@dataclass(slots=True)
class _Running:
    """What belongs to one process."""

    queue: ByteQueue[Answered | Record]
    thread: Thread
    counts: Counts
    finalizer: Finalize | None = None


class Recorder:
    """The request log of every process that is forked from the one that made it.

    Attributes:
        counter: For Prometheus, what became of its records.
    """

    def __init__(
        self,
        config: FeedbackConfig,
        finish: Finish = rename,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is opened, and no thread runs, before ``wake``."""
        self._config = config
        self._finish = finish
        self._clock = clock
        self.counter = build_counter()
        self._running = PerProcess(self._start)
        self._sampled_below = round(config.share * 2**64)

    def wake(self) -> None:
        """Begin in this process, unless it has begun."""
        self._running.get()

    def is_sampled(self, request_id: str) -> bool:
        """Whether that request is logged; the same in every process, and for every service."""
        digest = hashlib.blake2b(request_id.encode(), digest_size=8).digest()
        return int.from_bytes(digest) < self._sampled_below

    def log(self, answered: Answered) -> None:
        """Keep an answered request, if it is sampled and there is room."""
        if self.is_sampled(answered.request_id):
            self._put(answered, len(answered.picture) + _weight(answered.answer))

    def note(self, feedback: Record) -> None:
        """Keep what somebody says is right.

        Raises:
            Overloaded: There is no room.
        """
        if not self._put(feedback, len(feedback.image) + len(feedback.label)):
            raise Overloaded("the log has no room for more feedback now; try again soon")

    def find(self, request_id: str) -> ModelVersion | None:
        """Which version answered; its name is empty where no model did, None if it is unknown."""
        folder = Path(self._config.log)
        found = find_answer(folder, request_id)
        if found is None:
            self.settle()
            time.sleep(_ELSEWHERE_S)
            found = find_answer(folder, request_id)
        return found

    def settle(self, timeout_s: float = _SETTLE_S) -> bool:
        """Wait until this process has written all that it was given; False if it has not."""
        return self._running.get().queue.settle(timeout_s)

    def now(self) -> float:
        """The log's clock, in seconds since 1970."""
        return self._clock()

    @property
    def counts(self) -> Counts:
        """What became of this process' records."""
        return self._running.get().counts

    def close(self) -> None:
        """Write what is left, and finish the file; a process calls it by itself when it ends."""
        running = self._running.take()
        if running is None:
            return
        if running.finalizer is not None:
            running.finalizer.cancel()
        running.queue.close()
        running.thread.join(_CLOSE_S)

    def _put(self, item: Answered | Record, size_bytes: int) -> bool:
        running = self._running.get()
        is_taken = running.queue.put(item, size_bytes + _RECORD_BYTES)
        if not is_taken:
            running.counts.add("dropped")
        return is_taken

    def _start(self) -> _Running:
        counts = Counts(self.counter)
        queue: ByteQueue[Answered | Record] = ByteQueue(self._config.queue_bytes)
        writer = Writer(self._config, counts, self._finish, self._clock)
        thread = Thread(target=writer.run, args=(queue,), name="request-log", daemon=True)
        running = _Running(queue, thread, counts)
        thread.start()
        # Runs at the end of multiprocessing's processes too, whose atexit does not.
        running.finalizer = Finalize(None, self.close, exitpriority=10)
        return running


def _weight(answer: msgspec.Struct) -> int:
    """About how many bytes an answer takes: a model may give 200,000 numbers."""
    return _OBJECTS_TO_TEXT * len(msgspec.json.encode(answer))


def build_recorder(config: FeedbackConfig) -> Recorder | None:
    """The request log by *config*; None where it is off.

    Raises:
        InvalidRequest: The format needs a package that is not installed.
    """
    if not config.log:
        return None
    if config.format == "jsonl":
        return Recorder(config)
    if find_spec("pyarrow") is None:
        raise InvalidRequest(
            "feedback_format parquet needs pyarrow; run: pip install 'easel[parquet]'"
        )
    return Recorder(config, import_module("adapter.feedback.parquet").finish)
