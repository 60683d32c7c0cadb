"""What every protocol's codec needs: parsing bytes that may be anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from google.protobuf.message import DecodeError, Message

from model_store.errors import InvalidRequest
from serving.api.calls import Tensor

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


def narrow(values: Sequence[Any], carrier: np.dtype[Any], dtype: np.dtype[Any]) -> Tensor:
    """Read integers that travel in a wider field: uint8 comes as int32, say.

    Raises:
        InvalidRequest: A value does not fit *dtype*; numpy would wrap it round.
    """
    wide = np.array(values, carrier)
    tensor = wide.astype(dtype)
    if carrier != dtype and not np.array_equal(tensor, wide):
        raise InvalidRequest(f"a value does not fit {dtype.name}")
    return tensor
