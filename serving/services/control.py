"""Who may load, unload and reconfigure models: nobody, or who knows the token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from pathlib import Path

from model_store.errors import InvalidRequest, PermissionDenied, Unauthenticated
from serving.services.methods import Call

_SCHEME = b"bearer "


@dataclass(frozen=True, slots=True)
class ModelControl:
    """Whether models may be controlled by callers, and the secret that they must know.

    Attributes:
        token: Empty where control is off.
    """

    token: bytes = field(default=b"", repr=False)

    def check(self, call: Call) -> None:
        """Check that a caller may control models; every method that does so calls this first.

        Raises:
            PermissionDenied: Nobody may.
            Unauthenticated: The call has no ``authorization: Bearer TOKEN``, or another one.
        """
        if not self.token:
            raise PermissionDenied(
                "model control is off; start the server with --model_control and a token"
            )
        given = call.headers.get(b"authorization", b"")
        has_scheme = given[: len(_SCHEME)].lower() == _SCHEME
        # In constant time: how long it takes must not tell how much of it was right.
        if not (has_scheme and hmac.compare_digest(given[len(_SCHEME) :].strip(), self.token)):
            raise Unauthenticated("model control needs the header authorization: Bearer TOKEN")


def read_control(*, is_on: bool, token: str, token_file: str) -> ModelControl:
    """Model control as the settings have it.

    Args:
        is_on: Without it the token is of no use.
        token: The secret itself; a flag can be seen by every user of the machine.
        token_file: A file with the secret; spaces around it do not count.

    Raises:
        InvalidRequest: Control is on and there is no token, or two, or an unreadable one.
    """
    if not is_on:
        return ModelControl()
    if token and token_file:
        raise InvalidRequest("give model_control_token or model_control_token_file, not both")
    if token_file:
        try:
            token = Path(token_file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"the token file cannot be read: {error}") from error
    if not token.strip():
        raise InvalidRequest("model_control needs model_control_token or model_control_token_file")
    return ModelControl(token.strip().encode())
