"""``easel doctor``: what ``easel serve`` would find here, choose, and stumble over.

Looks and changes nothing; no model is loaded, no port is kept.  Exit status 1 when something
would keep the server or a version from working.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from enum import Enum
from functools import partial
from http.client import HTTPConnection, HTTPException
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from model_store.address import check_free
from model_store.errors import AddressTaken, EaselError
from model_store.folder import ModelFolder
from model_store.manifest import MANIFEST_FILE
from model_store.settings import add_flags, read_settings
from model_store.spec import ModelVersion
from model_store.store import Store
from serving.config import ServerConfig
from serving.crew.choosing import choose_workers
from serving.engine.foreign import find_graph
from serving.engine.machine import Machine, read_machine
from serving.engine.threads import ThreadPlan, widest_bytes
from serving.mirroring import is_url, local_store, open_mirror, with_mirror_dir
from serving.server import plan_of
from serving.tls import read_tls
from serving.wanted import limits_of, monitoring_of, remarks, wanted_models

_PROBE_S = 2.0
_MIB = 1024 * 1024


class Verdict(Enum):
    """What a finding means for the server; the value is what a person reads."""

    GOOD = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it is about.
        verdict: Whether that is well.
        text: What was found, and where it is not well, what to do.
    """

    topic: str
    verdict: Verdict
    text: str


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="easel doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_flags(parser, ServerConfig)
    flags = parser.parse_args(arguments)
    config = with_mirror_dir(read_settings(ServerConfig, "serve", flags, os.environ), os.environ)
    machine = read_machine()
    count = choose_workers(config, machine)
    plan = plan_of(replace(config, workers=count.workers), machine)
    findings = [Finding("workers", Verdict.GOOD, count.reason), *examine(config, machine, plan)]
    print(as_json(findings, machine, plan) if flags.json else as_text(findings))
    return 1 if any(finding.verdict is Verdict.BAD for finding in findings) else 0


def examine(config: ServerConfig, machine: Machine, plan: ThreadPlan) -> Iterator[Finding]:
    """Everything, in the order in which it is told."""
    yield from _threads(plan)
    yield from _memory(machine)
    yield from _programs()
    yield from _files(config)
    yield from _models(config)
    for flag, port in (("--port", config.port), ("--rest_api_port", config.rest_api_port)):
        yield _port(config.host, port, flag)


def as_text(findings: Sequence[Finding]) -> str:
    """A line for each finding, and one for all."""
    width = max(len(finding.topic) for finding in findings)
    lines, before = [], ""
    for finding in findings:
        topic = "" if finding.topic == before else finding.topic
        before = finding.topic
        lines.append(f"{topic:<{width}}  {finding.verdict.value:<4}  {finding.text}")
    bad = sum(finding.verdict is Verdict.BAD for finding in findings)
    last = f"{bad} of these {len(findings)} need care." if bad else "Nothing stands in the way."
    return "\n".join([*lines, "", last])


def as_json(findings: Sequence[Finding], machine: Machine, plan: ThreadPlan) -> str:
    """The same for a program."""
    data = {
        "is_well": all(finding.verdict is not Verdict.BAD for finding in findings),
        "machine": asdict(machine),
        "threads": asdict(plan),
        "findings": [asdict(each) | {"verdict": each.verdict.value} for each in findings],
    }
    return json.dumps(data, indent=1)


def _threads(plan: ThreadPlan) -> Iterator[Finding]:
    for reason in plan.reasons:
        yield Finding("threads", Verdict.GOOD, reason)


def _memory(machine: Machine) -> Iterator[Finding]:
    if machine.memory_bytes is None:
        yield Finding("memory", Verdict.NOTE, "How much there is cannot be seen.")
        return
    twice = widest_bytes(machine)
    yield Finding(
        "memory", Verdict.GOOD,
        f"{_size(machine.memory_bytes)} for this process; models of up to {_size(twice)} "
        "may have a second session.",
    )  # fmt: skip


def _programs() -> Iterator[Finding]:
    yield Finding("python", Verdict.GOOD, f"{platform.python_version()}, {platform.platform()}")
    for name in ("onnxruntime", "protobuf"):
        try:
            yield Finding(name, Verdict.GOOD, version(name))
        except PackageNotFoundError:
            yield Finding(
                name, Verdict.BAD, f"{name} is not installed; run: pip install 'easel[serving]'"
            )
    # Not imported: that takes seconds and half a gigabyte.
    has_tensorflow = find_spec("tensorflow") is not None
    text = "Installed." if has_tensorflow else "Not installed; ONNX versions need it not."
    yield Finding("tensorflow", Verdict.GOOD if has_tensorflow else Verdict.NOTE, text)


def _files(config: ServerConfig) -> Iterator[Finding]:
    """Only what is wrong in them: few servers have any."""
    for read in (read_tls, monitoring_of, partial(limits_of, lanes=1)):
        try:
            read(config)
        except EaselError as error:
            yield Finding("files", Verdict.BAD, f"{error}.")


def _models(config: ServerConfig) -> Iterator[Finding]:
    try:
        wanted = wanted_models(config)
    except EaselError as error:
        yield Finding("models", Verdict.BAD, f"{error}.")
        return
    if wanted is None:
        yield from _bucket(config) if is_url(config.store) else _store(Path(config.store))
        return
    yield Finding("models", Verdict.GOOD, f"{_count(len(wanted), 'model')} in place of the store.")
    for remark in remarks(wanted):
        yield Finding("models", Verdict.NOTE, f"{remark}.")
    for folder in [each.model_folder for each in wanted]:
        try:
            numbers = folder.versions()
        except OSError:  # a remark has told it
            continue
        for number in numbers:
            yield _version(folder, number)


def _bucket(config: ServerConfig) -> Iterator[Finding]:
    """What is in a bucket, and in its copy here if there is one yet."""
    try:
        folder, mirror = local_store(config), open_mirror(config)
        assert mirror is not None
        found = mirror.look()
    except EaselError as error:
        yield Finding("bucket", Verdict.BAD, f"{error}.")
    else:
        count = f"{_count(len(found), 'model')}, {_count(sum(found.values()), 'version')}"
        verdict = Verdict.GOOD if found else Verdict.NOTE
        yield Finding("bucket", verdict, f"{count}; copied to {folder}.")
    if config.mirror_dir and Path(config.mirror_dir).is_dir():
        yield from _store(Path(config.mirror_dir))


def _store(folder: Path) -> Iterator[Finding]:
    store = Store(folder)
    if not folder.is_dir():
        yield Finding("store", Verdict.BAD, f"There is no folder {folder}; name one with --store.")
        return
    try:
        versions = [
            ModelVersion(name, number) for name in store.models() for number in store.versions(name)
        ]
    except (EaselError, OSError) as error:
        yield Finding("store", Verdict.BAD, f"{folder} cannot be read: {error}")
        return
    count = f"{_count(len(store.models()), 'model')}, {_count(len(versions), 'version')}"
    verdict = Verdict.GOOD if versions else Verdict.NOTE
    yield Finding("store", verdict, f"{folder}: {count}.")
    for model in versions:
        yield _version(store.model(model.name), model.number)


def _version(home: ModelFolder, number: int) -> Finding:
    model = ModelVersion(home.name, number)
    try:
        if not home.needs_manifest and not (home.folder(number) / MANIFEST_FILE).exists():
            graph = find_graph(model, home.folder(number))
            return Finding(str(model), Verdict.NOTE, f"{graph.format}, without a manifest.")
        manifest = home.verify(number)
    except EaselError as error:
        return Finding(str(model), Verdict.BAD, f"{error}; it will not be served.")
    size = sum(file.bytes for file in manifest.files.values())
    files = _count(len(manifest.files), "file")
    return Finding(
        str(model), Verdict.GOOD, f"{manifest.format}, {files}, {_size(size)}, digests are right."
    )


def _port(host: str, port: int, flag: str) -> Finding:
    topic = f"port {port}"
    if not port:
        return Finding(topic, Verdict.GOOD, f"The system chooses {flag}.")
    try:
        check_free(host, port, f"stop that program or choose another with {flag}")
    except AddressTaken as error:
        if is_easel(host, port):
            return Finding(topic, Verdict.NOTE, f"A healthy server answers on {host} already.")
        return Finding(topic, Verdict.BAD, f"{error}.")
    return Finding(topic, Verdict.GOOD, f"Free on {host}.")


def is_easel(host: str, port: int) -> bool:
    """Whether something there says over HTTP that it lives, as our servers do."""
    with closing(HTTPConnection(host, port, timeout=_PROBE_S)) as connection:
        try:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            return answer.status == 200 and answer.read(16) == b"ok\n"
        except (OSError, HTTPException):
            return False


def _size(size: float) -> str:
    return f"{size / _MIB:,.1f} MiB" if size < 100 * _MIB else f"{size / _MIB:,.0f} MiB"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
