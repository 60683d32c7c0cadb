"""TF Serving's warm-up file: requests that a version brings along, to be run before others.

``assets.extra/tf_serving_warmup_requests`` is a TFRecord file of PredictionLog messages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from model_store.errors import BadVersion, InvalidRequest
from serving.api import tfs
from serving.api.calls import Prediction
from serving.api.protos import prediction_log_pb2 as pb
from serving.api.wire import parse

WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
# As many as TF Serving takes.
MAX_RECORDS = 1000
_LENGTH, _CHECKSUM_BYTES = struct.Struct("<Q"), 4


def read_warmup(folder: Path) -> Iterator[Prediction]:
    """The predictions that the SavedModel in *folder* is to be warmed with, if any.

    Requests for other methods than Predict are passed over.

    Raises:
        BadVersion: The file is damaged, or has more than ``MAX_RECORDS``.
    """
    path = folder / WARMUP_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise BadVersion(f"{path} cannot be read: {error}") from error
    try:
        for index, record in enumerate(_records(data)):
            if index == MAX_RECORDS:
                raise BadVersion(f"{path} has more than {MAX_RECORDS} requests")
            log = parse(pb.PredictionLog, record)
            if log.WhichOneof("log_type") == "predict_log":
                yield tfs.decode_predict_request(log.predict_log.request.SerializeToString())
    except InvalidRequest as error:
        raise BadVersion(f"{path} cannot be read: {error}") from error


def _records(data: bytes) -> Iterator[bytes]:
    """What is between the lengths and checksums; cut short files show in the lengths."""
    at = 0
    while at < len(data):
        begin = at + _LENGTH.size + _CHECKSUM_BYTES
        if begin > len(data):
            raise InvalidRequest("it ends too early")
        (length,) = _LENGTH.unpack_from(data, at)
        at = begin + length + _CHECKSUM_BYTES
        if at > len(data):
            raise InvalidRequest("it ends too early")
        yield data[begin : begin + length]
