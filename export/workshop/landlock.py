"""Landlock: the kernel's own fence around files, for any user, without set-up.

Three system calls (numbers equal on every processor): a ruleset is made, folders and files
are added with what may be done beneath them, and the process goes behind it for good.  What
a kernel's Landlock knows grows with its version; rights that it does not know are left out.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_MOVE, _TRUNCATE = 1 << 13, 1 << 14
_READ = _READ_FILE | _READ_DIR
# No links, devices, pipes or sockets: the exporter opens what it finds in that folder.
_KEEP = (
    _READ | _WRITE_FILE | _TRUNCATE
    | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MOVE
)  # fmt: skip
_ON_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE
# How many rights each version knows: TRUNCATE came with 3, IOCTL_DEV with 5.  The first version
# is of no use: no file can be moved from folder to folder, as TensorFlow does to save.
_OLDEST = 2
_RIGHTS = {2: 14, 3: 15, 4: 15, 5: 16}
_NETWORK_SINCE, _BIND_AND_CONNECT = 4, 3
_SCOPES_SINCE, _SOCKETS_AND_SIGNALS = 6, 3


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Which Landlock the kernel has; 0 for none."""
    return max(0, int(_call(_CREATE, None, 0, _VERSION_FLAG)))


def fence(readable: Iterable[Path], writable: Iterable[Path]) -> bool:
    """Nothing but *readable* can be read from here on, and nothing but *writable* changed.

    Paths that do not exist are passed over.  Call it after privileges were refused.

    Returns:
        Whether the kernel has Landlock and agreed.
    """
    known = version()
    if known < _OLDEST:
        return False
    handled = (1 << _RIGHTS[min(known, max(_RIGHTS))]) - 1
    rules = _Ruleset(
        handled,
        _BIND_AND_CONNECT if known >= _NETWORK_SINCE else 0,
        _SOCKETS_AND_SIGNALS if known >= _SCOPES_SINCE else 0,
    )
    ruleset = int(_call(_CREATE, ctypes.byref(rules), ctypes.sizeof(rules), 0))
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _allow(ruleset, path, _READ & handled)
        for path in writable:
            _allow(ruleset, path, _KEEP & handled)
        return int(_call(_RESTRICT, ruleset, 0)) == 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if path.is_dir() else rights & _ON_FILES
        rule = _Beneath(allowed, parent)
        _call(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)


def _call(number: int, *arguments: object) -> int:
    """One system call; negative if it failed."""
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(number), *arguments))
