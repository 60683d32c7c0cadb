"""The school's own pages."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def home(request: HttpRequest) -> HttpResponse:
    """Say where the drawings are."""
    return HttpResponse('<h1>School</h1><p><a href="easel/">Draw something</a></p>')


urlpatterns = [path("", home)]
