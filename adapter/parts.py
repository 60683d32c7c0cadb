"""What services are made of, put together once for each process."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.cloud.calling import Watch
from adapter.config import Settings
from adapter.feedback.recorder import Recorder
from adapter.http.turns import Turns
from adapter.ports import ModelServer
from adapter.speech.saying import Saying
from adapter.web_detection import WebDetector


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a service may use; nothing of it is opened before the first request.

    Attributes:
        settings: The process' one configuration.
        catalogue: What the store says about models.
        server: Runs them.
        classifier: Pictures to labels, with both.
        turns: Who reads and who works at a time.
        recorder: The request log; None where it is off.
        vision: Looks for pictures in the web; None where nobody does.
        speech: Who can speak.
        outside: Who is told of calls to services outside.
    """

    settings: Settings
    catalogue: Catalogue
    server: ModelServer
    classifier: Classifier
    turns: Turns
    recorder: Recorder | None = None
    vision: WebDetector | None = None
    speech: Saying = field(default_factory=lambda: Saying(None, None))
    outside: Watch = field(default_factory=Watch)
