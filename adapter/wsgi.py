"""What a WSGI server's worker imports: ``app``, made from the environment.

An entry module, so it may read the environment; any WSGI server can run it.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
from pathlib import Path

from prometheus_client import values

from adapter.app import create_app
from adapter.cloud.credentials import find_credentials
from adapter.config import WORKER_CONFIG_VARIABLE, Settings
from adapter.cores import find_cores, have_one_each, take_core
from adapter.draining import DRAIN_VARIABLE, Draining
from adapter.spread import Spread
from adapter.wiring import build_parts
from model_store.settings import from_json, read_sections

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
_settings = (
    from_json(Settings, os.environ[WORKER_CONFIG_VARIABLE])
    if WORKER_CONFIG_VARIABLE in os.environ
    else read_sections(Settings, "adapter", argparse.Namespace(config=None), os.environ)
)
# A forked worker has `prometheus_client` from its parent, which had not named the folder yet in
# which all workers count together.
values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
_draining, _spread = Draining(), Spread()
if DRAIN_VARIABLE in os.environ:  # one of the command's own processes
    _pipe, _cores, _config = Path(os.environ[DRAIN_VARIABLE]), find_cores(), _settings.adapter
    if have_one_each(_config.own_cores, _config.workers, _cores):
        take_core(_pipe.parent, _cores)
    _draining.listen(_pipe)
    _spread.begin(_pipe.parent, _config.port, _config.workers)
_parts = build_parts(_settings, credentials=find_credentials(os.environ))
app = create_app(_parts, lambda: bool(_draining) or _spread.asks_to_leave())
# What is there now stays: a full collection would look at all of it, in the middle of a request.
gc.collect()
gc.freeze()
