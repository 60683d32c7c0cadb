"""Builds small Debian packages and Qt resource collections, as their own tools write them."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from collections.abc import Mapping


def deb(files: Mapping[str, bytes]) -> bytes:
    """An ar archive with the three members of a Debian package."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": data.getvalue()}
    packed = b"!<arch>\n"
    for name, content in members.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        packed += content + b"\n" * (len(content) % 2)
    return packed


def rcc(files: Mapping[str, bytes], *, compress: bool = True) -> bytes:
    """A collection of format 3; names are paths that begin with a slash."""
    tree: dict = {}
    for path, content in files.items():
        *folders, name = path.strip("/").split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = content
    names, data, entries = bytearray(), bytearray(), [b""]

    def name_at(name: str) -> int:
        at = len(names)
        text = name.encode("utf-16-be")
        names.extend(struct.pack(">HI", len(text) // 2, 0) + text)
        return at

    def place_folder(index: int, name: int, children: dict) -> None:
        first = len(entries)
        entries.extend([b""] * len(children))
        entries[index] = struct.pack(">IHIIQ", name, 2, len(children), first, 0)
        for child, (label, value) in enumerate(children.items(), first):
            if isinstance(value, dict):
                place_folder(child, name_at(label), value)
                continue
            packed = struct.pack(">I", len(value)) + zlib.compress(value) if compress else value
            entries[child] = struct.pack(
                ">IHHHIQ", name_at(label), int(compress), 0, 0, len(data), 0
            )
            data.extend(struct.pack(">I", len(packed)) + packed)

    place_folder(0, 0, tree)
    header = 24
    whole = b"".join(entries)
    offsets = (header + len(data) + len(names), header, header + len(data))
    return struct.pack(">4sIIIII", b"qres", 3, *offsets, 1) + bytes(data + names) + whole
