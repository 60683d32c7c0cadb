"""Each example, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.examples.servers import Example, running

GUNICORN = ["gunicorn", "school.wsgi", "--bind", "127.0.0.1:PORT", "--threads", "4"]
UVICORN = ["uvicorn", "--port", "PORT", "--log-level", "warning"]


@pytest.fixture(scope="session")
def django(numbers_server) -> Iterator[Example]:
    with running("django", GUNICORN, "/easel", numbers_server.address) as example:
        yield example


@pytest.fixture(scope="session")
def beside(numbers_server) -> Iterator[Example]:
    with running("asgi", [*UVICORN, "app:beside"], "/easel", numbers_server.address) as example:
        yield example


@pytest.fixture(scope="session")
def alone(numbers_server) -> Iterator[Example]:
    with running("asgi", [*UVICORN, "app:alone"], "", numbers_server.address) as example:
        yield example


@pytest.fixture(params=["django", "beside", "alone"])
def example(request) -> Example:
    return request.getfixturevalue(request.param)
