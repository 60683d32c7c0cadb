"""What a failure looks like from outside, for every transport."""

from __future__ import annotations

import logging

from model_store.errors import Code, EaselError

logger = logging.getLogger(__name__)


def status_of(error: Exception) -> tuple[Code, str]:
    """A failure's code and message; what is not ours is logged and shown as a bare INTERNAL."""
    if isinstance(error, EaselError):
        return error.code, str(error)
    logger.error("a call failed", exc_info=error)
    return Code.INTERNAL, "internal error"
