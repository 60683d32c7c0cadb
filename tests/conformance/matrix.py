"""The matrix of clients and APIs: running every client's script, and writing the page.

``docs/interop.md`` is made of the scripts' lines and nothing else: no date, no duration, no
machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.asking import serving
from tests.conformance.environments import run_in, version_in
from tests.support import ROOT

PAGE = ROOT / "docs" / "interop.md"
# A script, and the environment that it runs in.
SCRIPTS = {
    "tfs_grpc.py": "tfs",
    "tfs_aio.py": "tfs",
    "tfs_examples.py": "tfs",
    "tfs_reload.py": "tfs",
    "rest.py": "tfs",
    "triton_grpc.py": "triton",
    "triton_http.py": "triton",
    "kserve_sdk.py": "kserve",
    "generic_grpc.py": "tfs",
    "web_tfs.py": "tfs",
    "web_triton.py": "triton",
}
# The distributions behind the clients' names, for their versions.
DISTRIBUTIONS = {
    "tfs": ("tensorflow-serving-api", "requests", "grpcio-reflection", "grpcio-health-checking"),
    "triton": ("tritonclient",),
    "kserve": ("kserve",),
}
_INTRODUCTION = """\
# Which clients work with Easel

Written by the conformance tests (`make test TESTS=tests/conformance`): each client runs in
an environment of its own, unchanged, against a server with several models and versions. A
test fails when this page is not what they found. Where Easel answers otherwise than a real
Triton, and why, stands in [`differences.toml`](../tests/conformance/differences.toml).

Of what Triton's clients can ask for, shared memory of a GPU, trace settings and log settings are
not here; such calls are refused with the reason.

The Triton whose answers Easel's are compared with is 2.51. Its gRPC front ends with SIGSEGV now
and then when a client leaves in the middle of a call; the tests start it again then, at most
twice, and ask everything anew.

"yes" is a call that did what its client promises; a blank is one that the client does not
have, or that is another client's to show.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """One feature of one client."""

    client: str
    api: str
    feature: str
    ok: bool
    detail: str


def run_script(script: str, store: Path) -> list[Result]:
    """What one client's script found, against a server of its own that it may change."""
    with serving(store) as server:
        printed = run_in(SCRIPTS[script], script, server.address, server.http, str(store))
    return [Result(**json.loads(line)) for line in printed.splitlines()]


def versions() -> list[str]:
    """Each client and its version, as the page names them."""
    return [
        f"{name} {version_in(environment, name)}"
        for environment, names in DISTRIBUTIONS.items()
        for name in names
    ]


def page(results: Iterable[Result], clients: Sequence[str]) -> str:
    """The page's text."""
    tables: dict[str, list[Result]] = {}
    for result in results:
        tables.setdefault(result.api, []).append(result)
    parts = [_INTRODUCTION, "Clients: " + ", ".join(clients) + ".\n"]
    parts += [f"## {api}\n\n" + _table(tables[api]) for api in sorted(tables)]
    return "\n".join(parts)


def _table(results: Sequence[Result]) -> str:
    clients = list(dict.fromkeys(result.client for result in results))
    features = list(dict.fromkeys(result.feature for result in results))
    cells = {
        (result.feature, result.client): "yes" if result.ok else "**no**" for result in results
    }
    lines = ["| | " + " | ".join(clients) + " |", "|---" * (len(clients) + 1) + "|"]
    for feature in features:
        row = [cells.get((feature, client), "") for client in clients]
        lines.append(f"| {feature} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"
