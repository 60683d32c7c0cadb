"""Settings become the parts that services use; the only place that chooses implementations."""

from __future__ import annotations

from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.clients.opening import open_servers
from adapter.clients.servers import parse_servers
from adapter.clients.tls import TlsFiles
from adapter.config import AdapterConfig, Settings
from adapter.feedback.recorder import build_recorder
from adapter.parts import Parts
from adapter.ports import ModelServer
from model_store.preprocess import ImageLimits


def build_parts(
    settings: Settings, server: ModelServer | None = None, catalogue: Catalogue | None = None
) -> Parts:
    """The parts by *settings*; nothing is opened yet, because WSGI servers fork.

    Args:
        settings: The process' configuration.
        server: Used instead of the configured one.
        catalogue: Used instead of one that reads the configured store.

    Raises:
        InvalidRequest: A setting cannot be understood, or a file of one not be used.
    """
    adapter = settings.adapter
    chosen = server or open_model_server(adapter)
    catalogue = catalogue or Catalogue(adapter.store)
    limits = ImageLimits(adapter.max_body_bytes, adapter.max_pixels, adapter.max_frames)
    classifier = Classifier(catalogue, chosen, limits)
    return Parts(settings, catalogue, chosen, classifier, build_recorder(settings.feedback))


def open_model_server(config: AdapterConfig) -> ModelServer:
    """All configured model servers as one; raises as ``build_parts`` does."""
    tls = TlsFiles(config.model_server_ca, config.model_server_certificate, config.model_server_key)
    groups = parse_servers(config.model_servers, config.model_server)
    return open_servers(groups, tls, config.torchserve_token_file)
