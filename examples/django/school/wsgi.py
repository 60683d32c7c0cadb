"""What a WSGI server runs: Django, and Easel under /easel.

The dispatcher moves the prefix from PATH_INFO to SCRIPT_NAME, by which Easel knows where it is.
"""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from adapter.app import create_app
from adapter.cloud.credentials import find_credentials
from adapter.config import AdapterConfig, Settings
from adapter.wiring import build_parts

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "school.settings")
django = get_wsgi_application()
easel_settings = Settings(AdapterConfig(**settings.EASEL))
google = find_credentials(os.environ)
easel = create_app(build_parts(easel_settings, credentials=google))
application = DispatcherMiddleware(django, {"/easel": easel})
