"""Which of Google's services are used, by settings and credentials; opens none of them.

Google's libraries are imported only where one is: they take 40 MB in each process.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from adapter.cloud.breaker import Breaker, BreakerPolicy
from adapter.cloud.cache import Cache, CachePolicy
from adapter.cloud.calling import Guard, Watch
from adapter.cloud.endpoint import Endpoint
from adapter.cloud.retry import RetryPolicy
from adapter.config import GoogleConfig
from adapter.speech.spec import Speaker
from adapter.web_detection import WebDetector
from model_store.errors import InvalidRequest

logger = logging.getLogger(__name__)

_VOICES_BYTES = 4 * 1024 * 1024
_VOICES_TTL_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Service:
    """One of Google's: the setting that switches it, and what its library is called."""

    setting: str
    name: str
    library: str


_VISION = _Service("vision", "Google Cloud Vision", "google.cloud.vision_v1")
_SPEECH = _Service("text_to_speech", "Google Text-to-Speech", "google.cloud.texttospeech_v1")


def open_detector(
    config: GoogleConfig, credentials: str | None, watch: Watch
) -> WebDetector | None:
    """Web detection, or None where it is not used.

    Args:
        config: Google's settings.
        credentials: Where default credentials were found, in words; None: nowhere.
        watch: Who is told how calls end.

    Raises:
        InvalidRequest: It is switched on and cannot be used; says what to do.
    """
    if not _is_used(_VISION, config.vision, config, credentials):
        return None
    module = import_module("adapter.cloud.vision")
    found: WebDetector = module.GoogleWebDetector(
        _endpoint(config, config.vision_endpoint or module.HOST),
        _guard(_VISION, config, watch),
        Cache(CachePolicy(config.cache_bytes, config.cache_ttl_s), module.findings_bytes),
    )
    return found


def open_speaker(config: GoogleConfig, credentials: str | None, watch: Watch) -> Speaker | None:
    """Text to speech, or None where it is not used; arguments and failures as above."""
    if not _is_used(_SPEECH, config.text_to_speech, config, credentials):
        return None
    module = import_module("adapter.cloud.text_to_speech")
    caches = module.SpeechCaches(
        Cache(CachePolicy(config.cache_bytes, config.cache_ttl_s), module.spoken_bytes),
        Cache(CachePolicy(_VOICES_BYTES, _VOICES_TTL_S), module.voices_bytes),
    )
    endpoint = _endpoint(config, config.text_to_speech_endpoint or module.HOST)
    found: Speaker = module.GoogleSpeaker(endpoint, _guard(_SPEECH, config, watch), caches)
    return found


def _is_used(
    service: _Service,
    switch: Literal["auto", "on", "off"],
    config: GoogleConfig,
    credentials: str | None,
) -> bool:
    is_wanted = switch == "on" or (switch == "auto" and credentials is not None)
    if not is_wanted:
        return False
    if not _has(service.library):
        advice = f"{service.name} needs its library: pip install 'easel[google]'"
        if switch == "on":
            raise InvalidRequest(advice)
        logger.warning("%s; or set google.%s to off", advice, service.setting)
        return False
    if credentials is None and not config.plaintext:
        raise InvalidRequest(
            f"google.{service.setting} is on and there are no default credentials here: name a key"
            " file with GOOGLE_APPLICATION_CREDENTIALS, or run"
            " gcloud auth application-default login"
        )
    if config.tls_ca and not Path(config.tls_ca).is_file():
        raise InvalidRequest(f"google.tls_ca: there is no file {config.tls_ca}")
    return True


def _has(library: str) -> bool:
    try:
        return find_spec(library) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False


def _guard(service: _Service, config: GoogleConfig, watch: Watch) -> Guard:
    return Guard(Breaker(service.name, BreakerPolicy()), RetryPolicy(), config.timeout_s, watch)


def _endpoint(config: GoogleConfig, target: str) -> Endpoint:
    return Endpoint(target, config.plaintext, Path(config.tls_ca) if config.tls_ca else None)
