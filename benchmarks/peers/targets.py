"""The workloads, the figures that issue 3 asks for, and the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.contenders import ONE_THREAD, all_cores_name
from benchmarks.figures import Figure, best
from benchmarks.load import Load
from benchmarks.peers.catalogue import BINARY, EASEL, GRPC, JSON, Peer
from benchmarks.processes import Memory
from benchmarks.report import Baseline, Table, series_table
from benchmarks.rounds import Series, find, ratio

WIDE = "in-process limit, 1 session of 2 threads"
LIMITS = (ONE_THREAD, all_cores_name(), WIDE)
_ROWS = 64


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked of everybody who can.

    Attributes:
        name: Above the table.
        model: Which.
        rows: Images in a request.
        callers: How many at a time.
        protocol: How; None for each competitor's best.
        has_limit: Whether the in-process limit is measured beside.
    """

    name: str
    model: str
    rows: int
    callers: tuple[int, ...]
    protocol: str | None
    has_limit: bool = False


_CALLERS = (1, 8, 32)
SHORT = {
    "grpc": Workload("numbers over gRPC, one image", "numbers", 1, _CALLERS, GRPC),
    "binary": Workload("numbers over HTTP, one image in binary", "numbers", 1, _CALLERS, BINARY),
    "json": Workload("numbers over HTTP, one image in JSON", "numbers", 1, _CALLERS, JSON),
    "grpc64": Workload("numbers over gRPC, 64 images", "numbers", _ROWS, (4,), GRPC, True),
    "binary64": Workload("numbers over HTTP, 64 images in binary", "numbers", _ROWS, (4,), BINARY),
    "json64": Workload("numbers over HTTP, 64 images in JSON", "numbers", _ROWS, (4,), JSON),
    "mobilenet": Workload("MobileNetV2 224x224, one image", "mobilenet", 1, (1, 4), None, True),
}
_UNARY = ("grpc", "binary", "json")
_MANY_CALLERS = (8, 32)


@dataclass(frozen=True, slots=True)
class Share:
    """How much of what ONNX Runtime alone can do is wanted.

    Attributes:
        workload: Which of the above.
        callers: How many at a time.
        wanted: The share.
        beside: The workload in which the limit was measured.
    """

    workload: str
    callers: int
    wanted: float
    beside: str


_SHARES = (
    Share("mobilenet", 1, 0.95, "mobilenet"),
    Share("mobilenet", 4, 0.95, "mobilenet"),
    Share("grpc64", 4, 0.9, "grpc64"),
    Share("binary64", 4, 0.9, "grpc64"),
)
# One caller waits for one run; several keep every core busy, as only several loops do.
_ONE_LOOP, _MANY_LOOPS = (ONE_THREAD, WIDE), LIMITS


def compute(series: Sequence[Series], peers: Sequence[Peer]) -> list[Figure]:
    """Every figure of the issue for the peers and workloads of this run."""
    run = {each.trial.workload for each in series}
    unary = [SHORT[name] for name in _UNARY if SHORT[name].name in run]
    found = [
        _throughput(series, workload, workload, peer, callers)
        for peer in peers
        if not peer.is_ours
        for workload in unary
        if workload.protocol in peer.asked
        for callers in _MANY_CALLERS
    ]
    if SHORT["grpc"] in unary and SHORT["binary"] in unary:
        # It has no gRPC; a client that wants speed chooses ours.
        found += [
            _throughput(series, SHORT["grpc"], SHORT["binary"], peer, callers)
            for peer in peers
            if peer.name == "mosec"
            for callers in _MANY_CALLERS
        ]
    found += [
        _latency(series, workload, peer)
        for peer in peers
        if peer.name == "triton"
        for workload in unary
    ]
    shares = [each for each in _SHARES if SHORT[each.workload].name in run]
    return [*found, *(figure for each in shares for figure in _shares(series, each))]


def _throughput(
    series: Sequence[Series], ours: Workload, theirs: Workload, peer: Peer, callers: int
) -> Figure:
    mine = _ours(series, ours, Load(callers))
    other = _find(series, theirs, peer.title, Load(callers))
    over = f"{peer.title}" if ours is theirs else f"{peer.title} over {theirs.protocol}"
    got = None if mine is None or other is None else ratio(mine, other)
    return Figure(f"{ours.name}, {callers} callers, over {over}", peer.wanted, got, "x")


def _latency(series: Sequence[Series], workload: Workload, peer: Peer) -> Figure:
    mine = _find(series, workload, EASEL.title, Load(1))
    other = _find(series, workload, peer.title, Load(1))
    got = None
    if mine is not None and other is not None:
        got = other.median("p50_ms") / mine.median("p50_ms")
    return Figure(f"{workload.name}, 1 caller, {peer.title}'s median time over ours", 1.0, got, "x")


def _shares(series: Sequence[Series], share: Share) -> list[Figure]:
    """Of what one loop does, and with several callers also of what a loop a core does."""
    workload = SHORT[share.workload]
    mine = _find(series, workload, EASEL.title, Load(share.callers))
    limits: dict[str, Sequence[str]] = {"one loop": _ONE_LOOP}
    if share.callers > 1:
        limits["a loop a core"] = _MANY_LOOPS
    found = []
    for words, names in limits.items():
        other = best(series, SHORT[share.beside].name, names, Load(0))
        got = None if mine is None or other is None else ratio(mine, other)
        text = f"{workload.name}, {share.callers} callers, of in-process ONNX Runtime in {words}"
        found.append(Figure(text, share.wanted, got, "x"))
    return found


def tables(
    series: Sequence[Series], peers: Sequence[Peer], memory: Mapping[str, Sequence[Memory]]
) -> list[Table]:
    """A summary, then one for each workload."""
    found = [summary(series, peers, memory)]
    for workload in SHORT.values():
        if any(each.trial.workload == workload.name for each in series):
            baselines = [Baseline("x ours", (EASEL.title,))]
            if workload.has_limit:
                baselines.append(Baseline("of in-process", LIMITS, is_loop=True))
            found.append(series_table(workload.name, workload.name, series, baselines))
    return found


def summary(
    series: Sequence[Series], peers: Sequence[Peer], memory: Mapping[str, Sequence[Memory]]
) -> Table:
    """Each competitor in a line for each protocol it speaks, for a README."""
    rows = []
    for peer in peers:
        for workload in (SHORT[name] for name in _UNARY):
            if workload.protocol not in peer.asked:
                continue
            lone = _find(series, workload, peer.title, Load(1))
            if lone is None:
                continue
            cells = [peer.title, workload.protocol or "", f"{lone.median('p50_ms'):.2f}"]
            for callers in (8, 32):
                found = _find(series, workload, peer.title, Load(callers))
                over = _over(series, workload, peer, Load(callers))
                cells.append("-" if found is None else f"{found.median('rate'):,.0f}")
                cells.append("-" if over is None else f"{over:.1f} x")
            megabytes = sum(each.megabytes for each in memory.get(peer.title, ()))
            rows.append((*cells, f"{megabytes:,.0f}"))
    header = (
        "server", "over", "1 caller, p50 ms", "8 callers, images/s", "Easel is",
        "32 callers, images/s", "Easel is", "MB",
    )  # fmt: skip
    return Table("numbers, one image a call", header, tuple(rows), words=2)


def _over(series: Sequence[Series], workload: Workload, peer: Peer, load: Load) -> float | None:
    """How many times as fast as *peer* we are."""
    mine = _ours(series, workload, load)
    other = _find(series, workload, peer.title, load)
    return None if mine is None or other is None else ratio(mine, other)


def _ours(series: Sequence[Series], workload: Workload, load: Load) -> Series | None:
    return _find(series, workload, EASEL.title, load)


def _find(series: Sequence[Series], workload: Workload, title: str, load: Load) -> Series | None:
    found = find(series, workload.name, title, load)
    return None if found is None or found.failure else found
