"""``easel replay LOG NAME/VERSION``: run a request log against another version."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from adapter.config import Settings
from adapter.feedback.names import OPEN
from adapter.feedback.reading import Passed
from adapter.replay.asking import Asker
from adapter.replay.cases import read_cases
from adapter.replay.comparing import Comparison, Outcome, compare
from adapter.replay.pictures import save_picture, to_page, write_private
from adapter.replay.report import Report, print_report, to_json
from adapter.replay.running import replay
from adapter.wiring import open_model_server
from model_store.commands.common import find_version, print_json
from model_store.errors import InvalidRequest, RecordNotFound, ServableNotFound
from model_store.settings import read_sections
from model_store.spec import ModelVersion
from model_store.store import Store

_SHOWN_S = 0.2


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = _parser().parse_args(arguments)
    _check(flags)
    settings = read_sections(Settings, "adapter", flags, os.environ)
    store = Store(settings.adapter.store)
    version = find_version(store, flags.version)
    against = _against(store, version, flags.against)
    report = _run(flags, settings, version, against)
    if flags.html is not None:
        write_private(flags.html, to_page(report).encode())
    if flags.json:
        print_json(to_json(report))
    else:
        print_report(report)
    return _status(report.result, flags.min_agreement)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="easel replay", description="Run a request log against another version."
    )
    made.add_argument("log", metavar="LOG", type=Path, help="a file of the log, or its folder")
    made.add_argument(
        "version", metavar="NAME/VERSION", help="or NAME/LABEL; the model server must have it"
    )
    made.add_argument(
        "--against", metavar="VERSION", help="compare with this version, not with the log's answers"
    )
    made.add_argument("--limit", type=int, metavar="N", help="no more than the first N pictures")
    made.add_argument("--parallel", type=int, default=16, help="pictures at a time (default: 16)")
    made.add_argument(
        "--timeout-s", type=float, default=30.0, help="seconds for each (default: 30)"
    )
    made.add_argument("--worst", type=int, default=10, help="disagreements to show (default: 10)")
    made.add_argument(
        "--min-agreement", type=float, metavar="SHARE", help="status 1 if fewer agree; from 0 to 1"
    )
    made.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures, too")
    made.add_argument("--save", type=Path, metavar="DIR", help="save the pictures of disagreements")
    made.add_argument("--json", action="store_true", help="print the result as JSON")
    made.add_argument("--store", help="folder of the model store")
    made.add_argument("--model-server", "--model_server", help="address of the model server")
    made.add_argument("--model-servers", "--model_servers", help="as of easel adapter")
    made.add_argument("--config", type=Path, help="TOML file with settings")
    return made


def _check(flags: argparse.Namespace) -> None:
    least = {"limit": 1, "parallel": 1, "worst": 0, "min_agreement": 0.0}
    for name, low in least.items():
        value = getattr(flags, name)
        if value is not None and not value >= low:
            raise InvalidRequest(f"--{name.replace('_', '-')} must be at least {low}")
    if not flags.timeout_s > 0:
        raise InvalidRequest("--timeout-s must be above 0")
    if flags.min_agreement is not None and flags.min_agreement > 1:
        raise InvalidRequest("--min-agreement must be at most 1")


def _against(store: Store, version: ModelVersion, named: str | None) -> ModelVersion | None:
    """The version to compare with: a number or a version label of the same model."""
    if named is None:
        return None
    found = find_version(store, named if "/" in named else f"{version.name}/{named}")
    if found.name != version.name:
        raise InvalidRequest(f"--against must be a version of {version.name}")
    return found


def _run(
    flags: argparse.Namespace,
    settings: Settings,
    version: ModelVersion,
    against: ModelVersion | None,
) -> Report:
    server, passed, begun = open_model_server(settings.adapter), Passed(), time.monotonic()
    after = Asker(settings, server, version)
    before = None if against is None else Asker(settings, server, against)
    cases = itertools.islice(read_cases(flags.log, version.name, passed), flags.limit)
    try:
        outcomes = replay(cases, after, before, flags.parallel, flags.timeout_s)
        result = compare(_saved(_shown(outcomes), flags.save), flags.worst)
    except ServableNotFound as error:
        raise ServableNotFound(
            f"{error}; a version that is not live is loaded when it has a label: "
            f"easel promote {version.name} {version.number} --label candidate"
        ) from error
    finally:
        server.close()
    if not result.compared and not result.alone and not result.failures:
        raise RecordNotFound(_nothing_found(flags.log, version.name))
    return Report(version, against, result, passed, time.monotonic() - begun)


def _nothing_found(log: Path, name: str) -> str:
    told = f"{log} has no picture that {name} was asked about"
    if next(log.glob(f"{OPEN}*"), None) is None:
        return told
    return (
        f"{told} in a finished file; what is still written to can be read when the adapter "
        "ends, or the file is as old as its --feedback_file_s says"
    )


def _saved(outcomes: Iterable[Outcome], folder: Path | None) -> Iterator[Outcome]:
    for outcome in outcomes:
        if folder is not None and outcome.disagrees:
            save_picture(folder, outcome)
        yield outcome


def _shown(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Say on a terminal how far it is."""
    if not sys.stderr.isatty():
        yield from outcomes
        return
    disagreed, shown = 0, 0.0
    for count, outcome in enumerate(outcomes, 1):
        disagreed += outcome.disagrees
        if time.monotonic() > shown + _SHOWN_S:
            shown = time.monotonic()
            print(f"\r{count} pictures, {disagreed} differ", end="", file=sys.stderr, flush=True)
        yield outcome
    print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _status(result: Comparison, least: float | None) -> int:
    """1 if there was no answer to any picture, or too few agree."""
    if not result.compared and not result.alone:
        return 1
    return int(least is not None and (result.agreement or 0.0) < least)
