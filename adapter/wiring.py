"""Settings become the parts that services use; the only place that chooses implementations."""

from __future__ import annotations

from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.clients.opening import open_servers
from adapter.clients.servers import parse_servers
from adapter.clients.tls import TlsFiles
from adapter.cloud.calling import Watch
from adapter.cloud.opening import open_detector, open_speaker
from adapter.config import AdapterConfig, Settings, SpeechConfig
from adapter.decoding import DecodingRoom
from adapter.feedback.recorder import build_recorder
from adapter.http.turns import Turns
from adapter.parts import Parts
from adapter.ports import ModelServer
from adapter.resting import RestingServer
from adapter.speech import local
from adapter.speech.saying import Saying
from adapter.speech.spec import Speaker
from model_store.errors import InvalidRequest
from model_store.images.limits import ImageLimits


def build_parts(
    settings: Settings,
    server: ModelServer | None = None,
    catalogue: Catalogue | None = None,
    *,
    credentials: str | None = None,
) -> Parts:
    """The parts by *settings*; nothing is opened yet, because WSGI servers fork.

    Args:
        settings: The process' configuration.
        server: Used instead of the configured one.
        catalogue: Used instead of one that reads the configured store.
        credentials: Where Google's default credentials were found, by ``find_credentials``.

    Raises:
        InvalidRequest: A setting cannot be understood, or a file of one not be used.
    """
    adapter = settings.adapter
    catalogue = catalogue or Catalogue(adapter.store)
    limits = ImageLimits(adapter.max_body_bytes, adapter.max_pixels, adapter.max_frames)
    turns = Turns(adapter.threads)
    chosen = RestingServer(server or open_model_server(adapter), turns.resting)
    classifier = Classifier(catalogue, chosen, DecodingRoom(limits, turns.resting))
    recorder = build_recorder(settings.feedback)
    google, outside = settings.google, Watch()
    speech = Saying(open_speaker(google, credentials, outside), open_local_speaker(settings.speech))
    vision = open_detector(google, credentials, outside)
    return Parts(settings, catalogue, chosen, classifier, turns, recorder, vision, speech, outside)


def close_parts(parts: Parts) -> None:
    """Close what the parts have opened, for a server whose processes end without Python's ado."""
    if parts.recorder is not None:
        parts.recorder.close()
    if parts.vision is not None:
        parts.vision.close()
    parts.speech.close()
    parts.server.close()


def open_model_server(config: AdapterConfig) -> ModelServer:
    """All configured model servers as one; raises as ``build_parts`` does."""
    tls = TlsFiles(config.model_server_ca, config.model_server_certificate, config.model_server_key)
    groups = parse_servers(config.model_servers, config.model_server)
    return open_servers(groups, tls, config.torchserve_token_file, config.shared_memory)


def open_local_speaker(config: SpeechConfig) -> Speaker | None:
    """The speech engine on this machine, or None where it is not used.

    Raises:
        InvalidRequest: It is switched on and not installed.
    """
    if config.local == "off" or (config.local == "auto" and not local.is_installed()):
        return None
    if not local.is_installed():
        raise InvalidRequest(
            "speech.local is on and eSpeak NG is not installed: pip install espeakng-loader,"
            " or install the system's espeak-ng"
        )
    return local.LocalSpeaker(local.formats_installed(), config.max_waiting)
