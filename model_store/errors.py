"""Every failure the product reports, and the one table that gives it a status.

    EaselError                  INTERNAL             500
    ├── InvalidRequest          INVALID_ARGUMENT     400
    │   ├── BadImage
    │   ├── ImageTooLarge
    │   ├── EmptyDrawing
    │   └── TensorMismatch
    ├── SignatureNotFound       FAILED_PRECONDITION  400
    ├── DeploymentRefused       FAILED_PRECONDITION  400
    ├── Unauthenticated         UNAUTHENTICATED      401
    ├── PermissionDenied        PERMISSION_DENIED    403
    ├── ServableNotFound        NOT_FOUND            404
    ├── RecordNotFound          NOT_FOUND            404
    ├── RegionNotFound          NOT_FOUND            404
    ├── RegionExists            ALREADY_EXISTS       409
    ├── Overloaded              RESOURCE_EXHAUSTED   429
    │   ├── QuotaExceeded
    │   └── RateLimited
    ├── MessageTooLarge         RESOURCE_EXHAUSTED   429
    ├── Cancelled               CANCELLED            499
    ├── Unsupported             UNIMPLEMENTED        501
    │   └── UnknownEncoding
    ├── ServableNotReady        UNAVAILABLE          503
    │   └── ServerUnreachable
    ├── ServiceUnavailable      UNAVAILABLE          503
    │   ├── ServiceUnreachable
    │   ├── AccessRefused
    │   └── BadAnswer
    ├── DeadlineExceeded        DEADLINE_EXCEEDED    504
    ├── ServerFailed            INTERNAL             500
    ├── BadVersion              INTERNAL             500
    ├── ExportRefused           INTERNAL             500
    └── AddressTaken            INTERNAL             500

Raise the most specific class where the fact is known.  Only the edges catch: the
adapter's application answers HTTP, the server's transports answer gRPC, and
``easel.cli`` prints one line and exits with status 1.
"""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """A canonical status: gRPC's name and number, and HTTP's number.

    The pairs are google.rpc.Code's.  The number also keeps members apart: two codes
    may share an HTTP status, and an Enum would make equal values one member.
    """

    OK = (0, 200)
    CANCELLED = (1, 499)
    UNKNOWN = (2, 500)
    INVALID_ARGUMENT = (3, 400)
    DEADLINE_EXCEEDED = (4, 504)
    NOT_FOUND = (5, 404)
    ALREADY_EXISTS = (6, 409)
    PERMISSION_DENIED = (7, 403)
    RESOURCE_EXHAUSTED = (8, 429)
    FAILED_PRECONDITION = (9, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    UNAUTHENTICATED = (16, 401)

    def __init__(self, grpc_number: int, http: int) -> None:
        self.grpc_number = grpc_number
        self.http = http


class EaselError(Exception):
    """Base of every failure with a status.  Its message is safe to show a client."""

    code = Code.INTERNAL


class InvalidRequest(EaselError):
    """The request can never succeed as it was sent."""

    code = Code.INVALID_ARGUMENT


class BadImage(InvalidRequest):
    """The bytes are not an image we can read."""


class ImageTooLarge(InvalidRequest):
    """The image has more bytes or pixels than the service accepts."""


class EmptyDrawing(InvalidRequest):
    """Nothing is drawn: every pixel has the background's colour."""


class TensorMismatch(InvalidRequest):
    """An input is not the tensor its signature asks for."""


class SignatureNotFound(EaselError):
    """The model has no signature of that name."""

    code = Code.FAILED_PRECONDITION


class DeploymentRefused(EaselError):
    """The models, versions or version labels that are wanted cannot be served so."""

    code = Code.FAILED_PRECONDITION


class Unauthenticated(EaselError):
    """The caller has not said who it is, and only some may do this."""

    code = Code.UNAUTHENTICATED


class PermissionDenied(EaselError):
    """Nobody may do this here."""

    code = Code.PERMISSION_DENIED


class ServableNotFound(EaselError):
    """No such model, version or version label is served."""

    code = Code.NOT_FOUND


class RecordNotFound(EaselError):
    """The request log does not have what is asked for, or is off."""

    code = Code.NOT_FOUND


class RegionNotFound(EaselError):
    """No region of shared memory has been registered by that name."""

    code = Code.NOT_FOUND


class RegionExists(EaselError):
    """A region of shared memory of that name is registered already."""

    code = Code.ALREADY_EXISTS


class Overloaded(EaselError):
    """The queue is full; the same request may succeed later.

    Attributes:
        retry_after_s: When that is likely, in seconds from now.
    """

    code = Code.RESOURCE_EXHAUSTED

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QuotaExceeded(Overloaded):
    """A service outside has given us all that it gives in this time."""


class RateLimited(Overloaded):
    """One caller asks more often than is allowed; the others are served."""


class MessageTooLarge(EaselError):
    """A message is longer than the server accepts."""

    code = Code.RESOURCE_EXHAUSTED


class Cancelled(EaselError):
    """The caller went away before the answer."""

    code = Code.CANCELLED


class Unsupported(EaselError):
    """The server does not speak this method or encoding."""

    code = Code.UNIMPLEMENTED


class UnknownEncoding(Unsupported):
    """A body or message is compressed in a way that the server does not know."""


class ServableNotReady(EaselError):
    """The servable exists and cannot be called now."""

    code = Code.UNAVAILABLE


class ServerUnreachable(ServableNotReady):
    """No model server answers at the configured address."""


class ServiceUnavailable(EaselError):
    """A service beside the model server that the request needs cannot be had now.

    Attributes:
        retry_after_s: When that may be over, in seconds from now.
    """

    code = Code.UNAVAILABLE

    def __init__(self, message: str, *, retry_after_s: float = 2.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ServiceUnreachable(ServiceUnavailable):
    """It does not answer, or says itself that it cannot; the request did nothing there."""


class AccessRefused(ServiceUnavailable):
    """It does not know us, or allows us nothing: our credentials are the matter."""


class BadAnswer(ServiceUnavailable):
    """It answered what cannot be understood, or that it failed."""


class DeadlineExceeded(EaselError):
    """The answer was not ready in the time the caller gave."""

    code = Code.DEADLINE_EXCEEDED


class ServerFailed(EaselError):
    """A model server answered with a failure of its own, or with what is no answer."""


class BadVersion(EaselError):
    """A version directory is incomplete, altered or not what its manifest says."""


class ExportRefused(EaselError):
    """A source cannot be exported, or the result does not equal it."""


class AddressTaken(EaselError):
    """Another program listens already where a server is to be started."""
