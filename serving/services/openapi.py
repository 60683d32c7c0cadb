"""``/openapi.json``: what can be asked over HTTP, for tools and people."""

from __future__ import annotations

from serving.api.json_text import dump_json
from serving.api.openapi import document
from serving.services.http import ALLOW_GET, HttpApis, HttpRequest, HttpResponse
from serving.services.methods import Call


def openapi_apis() -> HttpApis:
    """The page with the document."""
    text = dump_json(document())

    async def page(request: HttpRequest, call: Call) -> HttpResponse:
        if request.path != "/openapi.json":
            return HttpResponse(b'{"error": "Not Found"}', 404)
        if request.method != "GET":
            return HttpResponse(b'{"error": "use GET"}', 405, headers=(ALLOW_GET,))
        return HttpResponse(text)

    return {"openapi.json": page}
