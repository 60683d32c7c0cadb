"""Pieces of the OpenAPI document that no type says: pictures, headers, failures, keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapter.drawing import KEYS
from adapter.http.answers import RETRYABLE, Failure
from adapter.http.exchange import ID_HEADER
from adapter.http.guard import KEY_HEADER
from adapter.http.reading import TIMEOUT_HEADER
from adapter.messages import about
from model_store import errors
from model_store.errors import Code, EaselError

Json = dict[str, Any]

JSON = "application/json"
BYTES: Json = {"type": "string", "format": "binary"}
_PICTURES = ("png", "jpeg", "webp", "gif", "bmp", "avif")
# A 3 of 56x56 pixels, which the bundled models read.
DRAWING = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAADgAAAA4AQAAAACA/QazAAAAn0lEQVR42p2ROwrCQBgGZz"
    "cqFkI8gOAVcgHBmxlPYo6STgsPkTJlsBLBjMUuqJWPavj3f3wDGwSAyO88AUEsRohwsQa0Za0R2qqHCYTzFNCjKKpt5q"
    "Bf5Q2ZDQTBYiQCt5je+0ViU+W5NjHk/exlV6bca6Gvd8Iu9e2yz/KDz7x+r69PT/RgrWhh0Aj3zQxQKDVCR/JcsU25e5"
    "PPP//wAFBAXgwTLfBWAAAAAElFTkSuQmCC"
)

MEANINGS: Mapping[int, str] = {
    400: "The request can never succeed as it is; `error.message` says what to change.",
    401: "Who asks is not known: a key is missing, or not one of ours.",
    403: "The key is good, and does not allow this.",
    404: "There is no such model or page.",
    413: "The body is longer than allowed.",
    429: "Too much is asked at once; ask again after `Retry-After` seconds.",
    499: "The caller went away.",
    500: "Our mistake.",
    501: "The model server cannot do that.",
    503: "Somebody who is needed for the answer is not there; ask again later.",
    504: "The answer was not ready in time; ask again, or wait longer.",
}
# One failure of each status, worded as it really is.
_EXAMPLES: Mapping[int, EaselError] = {
    400: errors.InvalidRequest('"base64_drawing" is not base64'),
    401: errors.Unauthenticated("no key was sent; send it as Authorization: Bearer KEY"),
    403: errors.PermissionDenied("the key 'shop' has no scope 'ops'; ask the operator"),
    404: errors.ServableNotFound("there is no model 'cats' in the store"),
    413: errors.ImageTooLarge("the body is larger than 10485760 bytes"),
    429: errors.Overloaded("the queue is full"),
    499: errors.Cancelled("the caller went away"),
    500: EaselError("internal error"),
    501: errors.Unsupported("no such method"),
    503: errors.ServerUnreachable("the model server at 127.0.0.1:8500 does not answer"),
    504: errors.DeadlineExceeded("the request's time was over before its answer was ready"),
}
STATUSES = tuple(MEANINGS)

HEADERS: Json = {
    ID_HEADER: {
        "description": "The request's id: the caller's, or a new one. Tell it when you complain.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "Where rates are limited: requests that are left (`r`) and for how many "
        "seconds (`t`), as in the IETF's draft on RateLimit header fields.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before asking again.",
        "schema": {"type": "integer", "minimum": 1},
    },
}
_ALL: Json = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}
_WAIT: Json = {"Retry-After": _ALL.pop("Retry-After")}

PARAMETERS: Json = {
    "language": {
        "name": "Accept-Language",
        "in": "header",
        "description": "In which language `msg` is: `ko` or `en`.",
        "schema": {"type": "string"},
        "example": "en",
    },
    "request_id": {
        "name": ID_HEADER,
        "in": "header",
        "description": "An id of yours: it comes back, and stands in our logs.",
        "schema": {"type": "string"},
    },
    "timeout": {
        "name": TIMEOUT_HEADER,
        "in": "header",
        "description": "Milliseconds that the caller waits, if less than the server would.",
        "schema": {"type": "integer", "minimum": 1},
    },
}
COMMON_PARAMETERS: list[Json] = [{"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS]

SECURITY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
}


def any_key_of(scope: str) -> list[Json]:
    """A key in either header, if it allows *scope*."""
    return [{name: [scope]} for name in SECURITY_SCHEMES]


def response(meaning: str, content: Json, headers: Json | None = None) -> Json:
    """One answer, with the headers that all may have and those of its own."""
    return {"description": meaning, "headers": _ALL | (headers or {}), "content": content}


def _failure(status: int) -> Json:
    error = _EXAMPLES[status]
    codes = {error.code, *(code for code in Code if code.http == status)}
    example = {
        "error": {"code": error.code.name, "message": str(error)},
        "label": "null",
        "msg": about(error).in_language("en"),
    }
    schema = {"$ref": f"#/components/schemas/{Failure.__name__}"}
    names = ", ".join(sorted(f"`{code.name}`" for code in codes))
    content = {JSON: {"schema": schema, "example": example}}
    waits = _WAIT if codes & RETRYABLE else {}
    return response(f"{MEANINGS[status]} ({names})", content, waits)


FAILURES: Json = {str(status): _failure(status) for status in STATUSES}


def use_post(name: str, tag: str) -> Json:
    """The GET of a path that takes pictures, as the first version answered it."""
    return {
        "operationId": f"{name}-get",
        "summary": "Says to use POST",
        "deprecated": True,
        "tags": [tag],
        "responses": {
            str(status): {"$ref": f"#/components/responses/{status}"} for status in STATUSES
        },
    }


def json_body(schema: Json) -> Json:
    """A body that is one JSON object."""
    return {"required": True, "content": {JSON: {"schema": schema}}}


def picture_body(options: Json, required: Sequence[str]) -> Json:
    """A picture in every form that ``reading`` knows, with the schemas of *options* beside it."""
    text = {"type": "string", "minLength": 1, "description": "a data URL, or bare base64"}
    texts = dict.fromkeys(KEYS, text)
    either = [{"required": [name]} for name in KEYS]
    in_text = {"type": "object", "properties": texts | options, "required": list(required)}
    file = {"image": BYTES | {"description": "the picture's file"}}
    in_form = {"type": "object", "properties": file | options, "required": ["image", *required]}
    in_url = {
        "type": "object",
        "properties": {KEYS[0]: text} | options,
        "required": [KEYS[0], *required],
    }
    content: Json = {
        JSON: {"schema": in_text | {"anyOf": either}, "example": {KEYS[0]: DRAWING}},
        "multipart/form-data": {"schema": in_form},
        "application/x-www-form-urlencoded": {"schema": in_url, "example": {KEYS[0]: DRAWING}},
    }
    content |= {f"image/{kind}": {"schema": BYTES} for kind in _PICTURES}
    return {"required": True, "content": content}
