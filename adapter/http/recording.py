"""A service whose answers to pictures are kept in the request log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from adapter.feedback.recorder import Recorder
from adapter.feedback.records import Answered
from adapter.http.operations import Asked, Operation, Reply, Service, Takes


def recorded(service: Service, recorder: Recorder | None) -> Service:
    """The same service; what it answers to pictures is handed to *recorder*, if there is one."""
    if recorder is None:
        return service
    operations = [
        _recorded(operation, service.name, recorder)
        if operation.takes is Takes.PICTURE and operation.is_kept
        else operation
        for operation in service.operations
    ]
    return replace(service, operations=tuple(operations))


def _recorded(operation: Operation, service: str, recorder: Recorder) -> Operation:
    def handle(asked: Asked[Any]) -> msgspec.Struct | Reply:
        answer = operation.handle(asked)
        if isinstance(answer, msgspec.Struct):
            recorder.log(
                Answered(
                    request_id=asked.request_id,
                    at=recorder.now(),
                    service=service,
                    operation=operation.name,
                    path=asked.path,
                    options=asked.options,
                    picture=asked.picture,
                    answer=answer,
                )
            )
        return answer

    return replace(operation, handle=handle)
