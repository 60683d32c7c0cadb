"""The name of a request: what its caller calls it, or what we do.

It is in the answer (``X-Request-Id``), in the request log, and in what people say later.
"""

from __future__ import annotations

import re
import uuid

from flask import Request

REQUEST_ID_HEADER = "X-Request-Id"
_KEY = "easel.request_id"
_FORM = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


def request_id(request: Request) -> str:
    """The request's id, the same however often it is asked for.

    A header that could break a line of a log, or is longer than one, is not taken over.
    """
    known = request.environ.get(_KEY)
    if known is None:
        sent = request.headers.get(REQUEST_ID_HEADER, "")
        known = sent if _FORM.fullmatch(sent) else uuid.uuid4().hex
        request.environ[_KEY] = known
    return str(known)
