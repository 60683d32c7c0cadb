"""Whether this machine has Google's application default credentials; asks no network.

Google's library finds out by calling the metadata server, and waits seconds for it on
machines that are not Google's.  It is let do so only where something here says that the
machine is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FILE_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")
# Set by Cloud Run, by App Engine, and by who runs a metadata server of their own.
_AT_GOOGLE = ("K_SERVICE", "CLOUD_RUN_JOB", "GAE_ENV", "GCE_METADATA_HOST", "GCE_METADATA_ROOT")


def find_credentials(
    environ: Mapping[str, str], home: Path | None = None, product_name: Path = _PRODUCT_NAME
) -> str | None:
    """Where the library will find credentials, in words; None where it would search in vain.

    In the library's own order: the file that the environment names, gcloud's file, the
    metadata server of a machine at Google.

    Args:
        environ: The process' environment.
        home: Instead of the user's own folder.
        product_name: File in which the machine says what it is.
    """
    if named := environ.get(FILE_VARIABLE):
        return f"the file {named}"
    folder = Path(environ.get("CLOUDSDK_CONFIG") or (home or _home()) / ".config" / "gcloud")
    if _is_file(kept := folder / "application_default_credentials.json"):
        return f"the file {kept}"
    if environ.get("NO_GCE_CHECK", "").lower() == "true":
        return None
    if any(environ.get(name) for name in _AT_GOOGLE) or _is_googles(product_name):
        return "the metadata server"
    return None


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a user whom the system does not know, as containers have them
        return Path("/nonexistent")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # in a folder that is not ours to read
        return False


def _is_googles(product_name: Path) -> bool:
    try:
        return product_name.read_text("utf-8", "replace").strip().startswith("Google")
    except OSError:
        return False
