"""gRPC's reflection service: tools such as grpcurl need no .proto files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from serving.api import reflection
from serving.services.methods import BidiStream, Call, Methods


def reflection_methods(paths: Iterable[str]) -> Methods:
    """Reflection in both its versions, on the services of *paths* and on itself."""
    own = (reflection.INFO, reflection.INFO_V1ALPHA)
    services = {path.split("/")[1] for path in (*paths, *own)}

    async def info(requests: AsyncIterator[bytes], call: Call) -> AsyncIterator[bytes]:
        async for request in requests:
            yield reflection.answer_reflection(request, services)

    return dict.fromkeys(own, BidiStream(info))
