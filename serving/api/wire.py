"""What every protocol's codec needs: parsing bytes that may be anything."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from model_store.errors import InvalidRequest

MessageT = TypeVar("MessageT", bound=Message)


def parse(kind: type[MessageT], data: bytes) -> MessageT:
    """Parse *data* as one message of *kind*.

    Raises:
        InvalidRequest: It is not one.
    """
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise InvalidRequest(f"the request is not a {kind.DESCRIPTOR.full_name}") from error
    return message
