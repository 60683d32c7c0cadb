"""Settings become the parts that services use; the only place that chooses implementations."""

from __future__ import annotations

from adapter.catalogue import Catalogue
from adapter.classify import Classifier
from adapter.clients.tfs import TfsClient
from adapter.config import Settings
from adapter.parts import Parts
from adapter.ports import ModelServer
from model_store.preprocess import ImageLimits


def build_parts(settings: Settings, server: ModelServer | None = None) -> Parts:
    """The parts by *settings*; nothing is opened yet, because WSGI servers fork.

    Args:
        settings: The process' configuration.
        server: Used instead of the configured one.
    """
    adapter = settings.adapter
    chosen = server or TfsClient(adapter.model_server)
    catalogue = Catalogue(adapter.store)
    limits = ImageLimits(adapter.max_body_bytes, adapter.max_pixels, adapter.max_frames)
    classifier = Classifier(catalogue, chosen, limits)
    return Parts(settings, catalogue, chosen, classifier)
