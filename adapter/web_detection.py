"""What the web knows about a picture: values, and the port to whoever finds out.

Knows no service and no protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that pages with such pictures are about.

    Attributes:
        label: Its name.
        score: How strongly; at least 0, comparable within one picture only.
    """

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Page:
    """A page that shows the picture, or a part of it; *title* is plain text."""

    url: str
    title: str


@dataclass(frozen=True, slots=True)
class WebFindings:
    """What was found, best first each.

    Attributes:
        guesses: What the picture most likely shows, in words.
        entities: What pages with such pictures are about.
        pages: Pages that show it.
        similar: Addresses of pictures that look like it.
    """

    guesses: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()
    pages: tuple[Page, ...] = ()
    similar: tuple[str, ...] = ()


class WebDetector(Protocol):
    """Something that looks for a picture in the web: Google Cloud Vision."""

    def detect(self, picture: bytes, *, timeout_s: float) -> WebFindings:
        """Look for one encoded picture.

        Args:
            picture: PNG, JPEG, WebP, GIF or BMP.
            timeout_s: Seconds until the caller no longer wants the answer.

        Raises:
            InvalidRequest: The service cannot read the picture.
            ServiceUnavailable: It does not answer, not sensibly, or not to us.
            QuotaExceeded: It has answered us too often; says when to come back.
            DeadlineExceeded: No answer within *timeout_s*.
        """
        ...

    def close(self) -> None:
        """End this process' connections."""
        ...
