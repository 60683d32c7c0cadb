"""Disagreements with their pictures: files in a folder, and a page.

Both are for their owner's eyes only, as the log is.
"""

from __future__ import annotations

import base64
import html
import os
import re
from pathlib import Path

from adapter.replay.comparing import Outcome
from adapter.replay.report import Report, facts, show

_KINDS = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"RIFF", "webp"),
    (b"BM", "bmp"),
)
_PART_BYTES = 70
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { padding: .3rem .8rem; text-align: left }
tr + tr { border-top: 1px solid #ddd } img { max-width: 12rem; max-height: 12rem; background: #fff;
border: 1px solid #ccc } .right { font-weight: bold; color: #06642e }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def save_picture(folder: Path, outcome: Outcome) -> Path:
    """Write a disagreement's picture; its name says what was answered, and to what.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    said = [answer.label for answer in (outcome.before, outcome.after) if answer is not None]
    parts = [*said, outcome.case.record.request_id]
    image = outcome.case.record.image
    path = folder / f"{'-'.join(map(_safe, parts))}.{kind_of(image) or 'bin'}"
    write_private(path, image)
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read.

    Raises:
        OSError: It cannot be written.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(data)


def to_page(report: Report) -> str:
    """The report as one HTML page that loads nothing: numbers, and the worst with pictures."""
    before, after = map(html.escape, report.sides)
    numbers = "".join(_row("th", name, value) for name, value in facts(report) if value != "")
    worst = "".join(map(_disagreement, report.result.worst_first))
    pairs = "".join(
        f"<tr><td>{count}<td>{html.escape(old)}<td>{html.escape(new)}"
        for (old, new), count in report.result.confusion.most_common()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{after} replayed</title><style>{_STYLE}</style>"
        f"<h1>{after}, compared with {before}</h1><table>{numbers}</table>"
        f"<h2>What changed</h2><table><tr><th>pictures<th>{before}<th>{after}{pairs}</table>"
        f"<h2>Of these both were most sure</h2>"
        f"<table><tr><th>picture<th>{before}<th>{after}<th>right<th>request{worst}</table></html>"
    )


def kind_of(image: bytes) -> str | None:
    """Which format the picture has by its first bytes; None for none that pages may show."""
    if image[4:8] == b"ftyp":
        return "avif"
    return next((kind for magic, kind in _KINDS if image.startswith(magic)), None)


def _disagreement(outcome: Outcome) -> str:
    image, right = outcome.case.record.image, outcome.case.right
    kind = kind_of(image)
    shown = ""
    if kind is not None:
        data = base64.b64encode(image).decode()
        shown = f'<img alt="" src="data:image/{kind};base64,{data}">'
    cells = [
        f"<td{_marked(answer is not None and answer.label == right)}>{html.escape(show(answer))}"
        for answer in (outcome.before, outcome.after)
    ]
    return (
        f"<tr><td>{shown}{''.join(cells)}<td>{html.escape(right or '')}"
        f"<td>{html.escape(outcome.case.record.request_id)}"
    )


def _marked(is_right: bool) -> str:  # noqa: FBT001
    return ' class="right"' if is_right else ""


def _row(tag: str, name: str, value: object) -> str:
    return f"<tr><{tag}>{html.escape(name)}<td>{html.escape(str(value))}"


def _safe(text: str) -> str:
    """*text* as part of a file's name, which may have 255 bytes."""
    cut = re.sub(r"[^\w.]", "_", text).encode()[:_PART_BYTES].decode(errors="ignore")
    return cut.lstrip(".") or "_"
