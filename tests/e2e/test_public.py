"""The adapter before the public: real processes, several workers, and the end of them under load."""

from __future__ import annotations

import http.client
import json
import re
import select
import signal
import socket
import threading
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack

import pytest

from adapter.http.openapi_parts import DRAWING
from tests.support import BUNDLED_STORE, easel, free_port, read_until

BODY = json.dumps({"base64_drawing": DRAWING})


@pytest.fixture
def ports():
    return {"grpc": free_port(), "rest": free_port(), "http": free_port()}


def serving(ports, *arguments):
    return easel(
        "serve", "--store", str(BUNDLED_STORE), "--port", str(ports["grpc"]),
        "--rest_api_port", str(ports["rest"]), "--workers", "1", *arguments,
    )  # fmt: skip


def adapting(ports, *arguments):
    return easel(
        "adapter", "--store", str(BUNDLED_STORE), "--port", str(ports["http"]),
        "--model_server", f"127.0.0.1:{ports['grpc']}", *arguments,
    )  # fmt: skip


def wait_until_ready(port, seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("it was not ready in time")


def ask(connection, headers=None):
    connection.request("POST", "/api/numbers", BODY, headers or {})
    answer = connection.getresponse()
    answer.read()
    return answer


def test_all_workers_count_together_and_an_id_reaches_both_logs(ports, tmp_path):
    ours, theirs = tmp_path / "adapter.jsonl", tmp_path / "server.jsonl"
    with serving(ports, "--access_log", str(theirs)) as server:
        read_until(server, "easel serve: ")
        with adapting(ports, "--workers", "2", "--access_log", str(ours)) as adapter:
            read_until(adapter, "easel adapter: ")
            wait_until_ready(ports["http"])
            for index in range(12):  # a connection each, so that both workers answer
                connection = http.client.HTTPConnection("127.0.0.1", ports["http"], timeout=20)
                assert ask(connection, {"X-Request-Id": f"order-{index}"}).status == 200
                connection.close()
            with urllib.request.urlopen(f"http://127.0.0.1:{ports['http']}/metrics") as page:
                text = page.read().decode()
    (count,) = re.findall(r'_count\{.*model="numbers".*outcome="OK".*\} ([\d.]+)', text)
    assert float(count) == 12
    wanted = {f"order-{index}" for index in range(12)}
    for log in (ours, theirs):
        lines = map(json.loads, log.read_text("utf-8").splitlines())
        assert wanted <= {line.get("request_id") for line in lines}


class Callers:
    """Clients that ask without pause until nobody listens, and note what became of each request."""

    def __init__(self, port: int, count: int) -> None:
        self.port = port
        self.outcomes: Counter[str] = Counter()
        self.answered = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask_on, kwargs={"is_kept": index % 2 == 0})
            for index in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)

    def _ask_on(self, *, is_kept: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while True:
            try:
                connection.connect() if connection.sock is None else None
            except ConnectionRefusedError:
                return  # the end: nobody listens
            try:
                answer = ask(connection)
            except (OSError, http.client.HTTPException) as error:
                self.outcomes[type(error).__name__] += 1
                connection.close()
                continue
            self.outcomes[str(answer.status)] += 1
            self.answered.set()
            if not is_kept or answer.will_close:
                connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_request_is_lost_when_the_adapter_is_told_to_stop(ports, number):
    with serving(ports) as server:
        read_until(server, "easel serve: ")
        with adapting(ports, "--workers", "2") as adapter:
            wait_until_ready(ports["http"])
            callers = Callers(ports["http"], 12)
            assert callers.answered.wait(30)
            adapter.send_signal(number)
            output, _ = adapter.communicate(timeout=30)
            callers.join()
    assert adapter.returncode == 0, output
    assert "Traceback" not in output
    assert set(callers.outcomes) == {"200"}


def test_no_request_is_lost_when_both_are_told_to_stop(ports):
    with easel("up", "--store", str(BUNDLED_STORE), "--port", str(ports["http"]),
               "--grpc-port", str(ports["grpc"]), "--rest-port", str(ports["rest"])) as up:  # fmt: skip
        read_until(up, "Easel is ready")
        callers = Callers(ports["http"], 12)
        assert callers.answered.wait(30)
        up.send_signal(signal.SIGTERM)
        output, _ = up.communicate(timeout=30)
        callers.join()
    assert up.returncode == 0, output
    assert set(callers.outcomes) == {"200"}


def begin_only(port):
    """A request whose body never comes."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(b"POST /api/numbers HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{")
    return connection


def test_bodies_that_never_come_keep_nobody_else_from_an_answer(ports):
    with ExitStack() as stack:
        read_until(stack.enter_context(serving(ports)), "easel serve: ")
        stack.enter_context(adapting(ports, "--workers", "1", "--threads", "1"))
        wait_until_ready(ports["http"])
        slow = [stack.enter_context(begin_only(ports["http"])) for _ in range(40)]
        # Some are refused in the end, as one caller has not all threads.
        readable, _, _ = select.select(slow, [], [], 20)
        assert readable[0].recv(99).startswith(b"HTTP/1.1 429 ")
        other = http.client.HTTPConnection(
            "127.0.0.1", ports["http"], timeout=20, source_address=("127.0.0.2", 0)
        )
        assert ask(other).status == 200
        other.close()
