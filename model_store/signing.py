"""Signatures over a whole version, made and checked with a key and without any network.

The only module that knows model-signing; it is imported when a key is given.  A signature
is a Sigstore bundle in ``SIGNATURE_FILE``, over every other file of the folder, the
manifest too: so it holds a version to its model, its number and its digests.  The
library's own tool makes and checks the same file.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path

from model_signing import hashing, signing, verifying

from model_store.digests import SIGNATURE_FILE
from model_store.errors import BadVersion, EaselError, InvalidRequest

_KEYS = "an elliptic curve key (P-256, P-384 or P-521) in a PEM file without password"


def signer(key: Path) -> Callable[[Path, Path], None]:
    """What signs a folder with a private key, into a file.

    Raises:
        InvalidRequest: *key* is none.
    """
    try:
        config = signing.Config().use_elliptic_key_signer(private_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InvalidRequest(f"{key} must be {_KEYS}, the private one: {error}") from error

    def sign(folder: Path, signature: Path) -> None:
        try:
            config.set_hashing_config(_all_files()).sign(folder, signature)
        except (OSError, ValueError) as error:
            raise EaselError(f"{folder} cannot be signed: {error}") from error

    return sign


def verifier(key: Path) -> Callable[[Path], None]:
    """What checks a folder's signature with a public key, and raises BadVersion.

    Raises:
        InvalidRequest: *key* is none.
    """
    try:
        config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InvalidRequest(f"{key} must be {_KEYS}, the public one: {error}") from error

    def verify(folder: Path) -> None:
        signature = folder / SIGNATURE_FILE
        if not signature.is_file():
            raise BadVersion(f"{folder} is not signed")
        try:
            # The library prints a warning for signatures of older makes.
            with contextlib.redirect_stdout(io.StringIO()):
                config.set_hashing_config(_all_files()).verify(folder, signature)
            unsigned = _files(folder) - _signed(signature)
        except Exception as error:  # a damaged bundle fails in many ways
            words = str(error) or type(error).__name__
            raise BadVersion(f"{folder} is not signed by {key.name}: {words}") from error
        if unsigned:
            raise BadVersion(f"{folder}: {min(unsigned)} is not under the signature")

    return verify


def _all_files() -> hashing.Config:
    return hashing.Config().set_ignored_paths(paths=[SIGNATURE_FILE], ignore_git_paths=False)


def _files(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return found - {SIGNATURE_FILE}


def _signed(signature: Path) -> set[str]:
    """Names of the files that a signature, which is known to be genuine, speaks of."""
    envelope = json.loads(signature.read_bytes())["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    return {str(resource["name"]) for resource in statement["predicate"]["resources"]}
