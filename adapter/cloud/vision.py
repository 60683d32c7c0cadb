"""Google Cloud Vision's web detection, behind ``adapter.web_detection.WebDetector``.

Imported only where Google is configured: its library takes 40 MB and a second.
"""

from __future__ import annotations

import hashlib
import html
import math
import re
from collections.abc import Iterable

import grpc
from google.cloud.vision_v1 import types
from google.cloud.vision_v1.services.image_annotator import ImageAnnotatorClient
from google.cloud.vision_v1.services.image_annotator.transports import ImageAnnotatorGrpcTransport

from adapter.cloud.cache import Cache
from adapter.cloud.calling import Guard
from adapter.cloud.connection import Connection
from adapter.cloud.endpoint import Endpoint
from adapter.cloud.statuses import failure
from adapter.web_detection import Entity, Page, WebFindings
from model_store.errors import BadAnswer

SERVICE = "Google Cloud Vision"
HOST = "vision.googleapis.com:443"
_MAX_RESULTS = 20
_MAX_TEXT = 300
_MARKUP = re.compile(r"<[^<>]*>")


class GoogleWebDetector:
    """One project's web detection; opens its channel on first use, and again after a fork.

    A picture that was looked for lately is answered from *cache*: each look costs money.
    """

    def __init__(self, endpoint: Endpoint, guard: Guard, cache: Cache[WebFindings]) -> None:
        self._guard = guard
        self._cache = cache
        self._connection = Connection(SERVICE, endpoint, _to_client)

    def detect(self, picture: bytes, *, timeout_s: float) -> WebFindings:
        """Look for one picture; see ``adapter.web_detection.WebDetector``."""
        return self._cache.get_or_make(
            hashlib.sha256(picture).digest(),
            lambda: self._guard.run(lambda left_s: self._ask(picture, left_s), timeout_s=timeout_s),
            timeout_s=timeout_s,
        )

    def close(self) -> None:
        """Let go of this process' channel."""
        self._connection.close()

    def _ask(self, picture: bytes, timeout_s: float) -> WebFindings:
        feature = types.Feature(type_=types.Feature.Type.WEB_DETECTION, max_results=_MAX_RESULTS)
        request = types.AnnotateImageRequest(image=types.Image(content=picture), features=[feature])
        batch = self._connection.call(
            lambda client: client.batch_annotate_images(
                requests=[request], timeout=timeout_s, retry=None
            )
        )
        if len(batch.responses) != 1:
            raise BadAnswer(f"{SERVICE} answered for {len(batch.responses)} pictures, not for one")
        return read_findings(batch.responses[0])


def _to_client(channel: grpc.Channel) -> ImageAnnotatorClient:
    return ImageAnnotatorClient(transport=ImageAnnotatorGrpcTransport(channel=channel))


def read_findings(response: types.AnnotateImageResponse) -> WebFindings:
    """What one picture's answer says; scores that are no numbers and odd addresses are left out.

    Raises:
        EaselError: The answer is that this picture failed.
    """
    if response.error.code:
        raise failure(SERVICE, response.error.code, response.error.message)
    found = response.web_detection
    return WebFindings(
        guesses=tuple(_texts(guess.label for guess in found.best_guess_labels)),
        entities=_entities(found.web_entities),
        pages=tuple(
            Page(page.url, plain(page.page_title))
            for page in found.pages_with_matching_images
            if _is_web(page.url)
        ),
        similar=tuple(image.url for image in found.visually_similar_images if _is_web(image.url)),
    )


def _entities(found: Iterable[types.WebDetection.WebEntity]) -> tuple[Entity, ...]:
    named = (
        Entity(plain(entity.description), float(entity.score))
        for entity in found
        if plain(entity.description) and math.isfinite(entity.score) and entity.score >= 0
    )
    return tuple(sorted(named, key=lambda entity: -entity.score))


def plain(text: str) -> str:
    """A title as one line of text: Google marks words in it with HTML."""
    words = " ".join(html.unescape(_MARKUP.sub("", text)).split())
    return words if len(words) <= _MAX_TEXT else words[: _MAX_TEXT - 1] + "…"


def _texts(found: Iterable[str]) -> Iterable[str]:
    return (words for words in map(plain, found) if words)


def _is_web(url: str) -> bool:
    """Whether a page may link it: nothing but web addresses."""
    return url.startswith(("https://", "http://")) and len(url) <= 2048


def findings_bytes(found: WebFindings) -> int:
    """Roughly what *found* takes in memory."""
    texts = [
        *found.guesses,
        *found.similar,
        *(entity.label for entity in found.entities),
        *(text for page in found.pages for text in (page.url, page.title)),
    ]
    return sum(len(text.encode()) + 100 for text in texts)
