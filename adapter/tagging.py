"""Tags of a picture: the web and our own model are asked at the same time.

Knows neither HTTP nor gRPC.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from adapter.classify import Classification, Classifier
from adapter.deadline import Deadline
from adapter.outgoing import to_outgoing
from adapter.tags import MODEL, WEB, Tag, merge_tags
from adapter.web_detection import WebDetector, WebFindings
from model_store.errors import EaselError, InvalidRequest, Overloaded, ServiceUnavailable

logger = logging.getLogger(__name__)

# Some time must be left to answer without it.
_WEBS_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Tagged:
    """All that is known of one picture.

    Attributes:
        tags: One ranking of both sources, best first.
        findings: The web's; None when it could not be asked.
        classification: Our model's; None when it could not be asked.
        degraded: Who could not: ``vision``, ``tagging``.
    """

    tags: tuple[Tag, ...]
    findings: WebFindings | None
    classification: Classification | None
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tagger:
    """Who is asked.

    Attributes:
        classifier: Reaches our model, ``tagging`` in the store.
        detector: Looks in the web; None where nobody does.
        threads: In which the web is asked, while the caller's own asks our model.
        resting: Entered while the web is waited for, so that others may work.
    """

    classifier: Classifier
    detector: WebDetector | None
    threads: ThreadPoolExecutor
    resting: Callable[[], AbstractContextManager[None]] = nullcontext

    def tag(self, picture: bytes, deadline: Deadline) -> Tagged:
        """What one encoded picture shows, from whoever can say.

        Raises:
            BadImage: The bytes are no picture that can be read.
            ServiceUnavailable: Neither the web nor our model can be asked; says why.
        """
        looking = self._look(picture, deadline)
        seen = self._classify(picture, deadline)
        with self.resting():
            found = _result(looking, deadline)
        if isinstance(seen, EaselError) and isinstance(found, EaselError):
            raise _nobody(found, seen)
        findings = None if isinstance(found, EaselError) else found
        classification = None if isinstance(seen, EaselError) else seen
        return Tagged(
            merge_tags(findings, () if classification is None else classification.predictions),
            findings,
            classification,
            tuple(name for name, one in ((WEB, findings), (MODEL, classification)) if one is None),
        )

    def _look(self, picture: bytes, deadline: Deadline) -> Future[WebFindings] | None:
        detector = self.detector
        if detector is None:
            return None

        def look() -> WebFindings:
            with self.classifier.room.take(picture, deadline):
                outgoing = to_outgoing(picture, self.classifier.room.limits)
            return detector.detect(outgoing, timeout_s=_WEBS_SHARE * deadline.left_s())

        return self.threads.submit(look)

    def _classify(self, picture: bytes, deadline: Deadline) -> Classification | EaselError:
        try:
            return self.classifier.classify(MODEL, picture, deadline)
        except InvalidRequest:
            raise
        except EaselError as error:
            logger.debug("tags without our own model: %s", error)
            return error


def _result(looking: Future[WebFindings] | None, deadline: Deadline) -> WebFindings | EaselError:
    if looking is None:
        return ServiceUnavailable("Google Cloud Vision is not configured")
    try:
        return looking.result(deadline.left_s())
    except TimeoutError:
        return ServiceUnavailable("Google Cloud Vision did not answer in time")
    except EaselError as error:
        logger.debug("tags without the web: %s", error)
        return error


def _nobody(found: EaselError, seen: EaselError) -> EaselError:
    """The one failure of both."""
    if isinstance(found, InvalidRequest):
        return found
    after_s = found.retry_after_s if isinstance(found, Overloaded | ServiceUnavailable) else 2.0
    return ServiceUnavailable(
        f"nobody can tag the picture: {found}; and {seen}", retry_after_s=after_s
    )
