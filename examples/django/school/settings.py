"""The project's settings; those of Easel are the keys of its [adapter] section."""

import os
from pathlib import Path

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only for trying it out")
DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "school.urls"
WSGI_APPLICATION = "school.wsgi.application"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
STATIC_URL = "static/"
USE_TZ = True

STORE = Path(__file__).resolve().parents[3] / "model_store" / "models"  # the checkout's
EASEL = {
    "store": Path(os.environ.get("EASEL_ADAPTER_STORE", STORE)),
    "model_server": os.environ.get("EASEL_ADAPTER_MODEL_SERVER", "127.0.0.1:8500"),
}
