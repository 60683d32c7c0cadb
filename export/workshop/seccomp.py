"""A filter of system calls for the process that holds a source, by the kernel's own means.

It keeps loading and computing possible and takes away the rest: sockets, other programs,
other processes, mounts, keys, and ways around the limits.  Threads stay.  The numbers are
the kernel's for x86-64 and AArch64; on other machines there is no filter.

The program is classic BPF: ``struct sock_filter`` is a code, two jumps and a constant, and
``struct seccomp_data`` has the call's number at 0, the architecture at 4 and the arguments
from 16, eight bytes each.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass

Instruction = tuple[int, int, int, int]

_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_CLONE_THREAD = 0x00010000
# Typing into the terminal that an inherited descriptor may still be.
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


@dataclass(frozen=True, slots=True)
class Machine:
    """One processor's numbers of system calls.

    Attributes:
        audit: Its ``AUDIT_ARCH`` constant.
        refused: Calls that fail with EPERM.
        pretended: Calls that do nothing and succeed: attributes of files, which programs set
            after copying and which Landlock does not know.
        own_process: Calls whose first argument must be the caller's own process (or 0 for
            ``prlimit64``).
        clone: Allowed for threads only.
        ioctl: Allowed but for typing into a terminal.
    """

    audit: int
    refused: frozenset[int]
    pretended: frozenset[int]
    own_process: frozenset[int]
    prlimit: int
    clone: int
    ioctl: int


# These have one number everywhere: pidfd_send_signal, io_uring (three), open_tree,
# move_mount, fsopen, fsconfig, fsmount, fspick, pidfd_open, pidfd_getfd, mount_setattr,
# memfd_secret.
_COMMON = frozenset({424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 442, 447})
_CLONE3, _FCHMODAT2 = 435, 452

_X86_64 = Machine(
    audit=0xC000003E,
    refused=_COMMON
    | {
        41, 57, 58, 59, 322,  # socket, fork, vfork, execve, execveat
        29, 30, 64, 68, 240,  # shared memory (two), semaphores, queues (two): not accounted
        86, 265, 88, 266, 133, 259,  # links, symbolic links, device nodes (two of each)
        101, 310, 311, 312, 129, 297, 200,  # ptrace, other processes' memory, their signals
        103, 134, 135, 154, 155, 161, 163,  # syslog, uselib, personality, ldt, roots, acct
        159, 164, 227, 305,  # the clock
        165, 166, 167, 168, 169, 170, 171, 172, 173, 179,  # mount to quotactl
        175, 176, 246, 313, 320,  # kernel modules and kernels
        188, 189, 190, 197, 198, 199,  # extended attributes
        248, 249, 250, 272, 298, 304, 308, 319, 321, 323,  # keys, unshare, perf, memfd, bpf
    },
    pretended=frozenset({90, 91, 92, 93, 94, 132, 235, 260, 261, 268, 280, _FCHMODAT2}),
    own_process=frozenset({62, 234}),
    prlimit=302,
    clone=56,
    ioctl=16,
)  # fmt: skip
_AARCH64 = Machine(
    audit=0xC00000B7,
    refused=_COMMON
    | {
        198, 221, 281,  # socket, execve, execveat
        180, 186, 190, 194, 196,  # queues, semaphores and shared memory
        33, 36, 37,  # device nodes, symbolic links, links
        117, 270, 271, 272, 138, 240, 130,  # ptrace, other processes' memory, their signals
        116, 92, 41, 51, 89,  # syslog, personality, roots, acct
        112, 170, 171, 266,  # the clock
        39, 40, 60, 142, 161, 162, 224, 225,  # mount to quotactl
        105, 106, 104, 273, 294,  # kernel modules and kernels
        5, 6, 7, 14, 15, 16,  # extended attributes
        217, 218, 219, 97, 241, 265, 268, 279, 280, 282,  # keys, unshare, perf, memfd, bpf
    },
    pretended=frozenset({52, 53, 54, 55, 88, _FCHMODAT2}),
    own_process=frozenset({129, 131}),
    prlimit=261,
    clone=220,
    ioctl=29,
)  # fmt: skip
MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}


class _Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("constant", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(_Filter)))


def refuse_privileges() -> bool:
    """No program that is started from here on gains rights; whether the kernel agreed."""
    return bool(ctypes.CDLL(None).prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)


def filter_calls() -> bool:
    """Put this process, and all its threads to come, behind the filter for good.

    Call it with one thread running, after ``refuse_privileges``.

    Returns:
        Whether the kernel took it; False on processors without a table.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    instructions = program(machine, os.getpid())
    filters = (_Filter * len(instructions))(*(_Filter(*each) for each in instructions))
    whole = _Program(len(instructions), filters)
    prctl = ctypes.CDLL(None).prctl
    return bool(prctl(_SET_SECCOMP, _MODE_FILTER, ctypes.byref(whole), 0, 0) == 0)


def program(machine: Machine, process: int) -> Sequence[Instruction]:
    """The whole filter; *process* is who may be signalled."""
    no, gone = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    return [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        # x32 calls on x86-64 have this bit, and numbers of their own below it.
        (_AT_LEAST, 0, 1, 0x40000000),
        (_RETURN, 0, 0, no),
        *(part for number in sorted(machine.refused) for part in _answer(number, no)),
        # Success without an effect.
        *(part for number in sorted(machine.pretended) for part in _answer(number, _ERRNO)),
        # The C library falls back to clone, whose flags stand in a register.
        *_answer(_CLONE3, gone),
        *_if_called(machine.clone, [(_ANY_BIT, 1, 0, _CLONE_THREAD), (_RETURN, 0, 0, no)], 0),
        *(
            part
            for number in sorted(machine.own_process)
            for part in _if_called(number, [(_EQUAL, 1, 0, process), (_RETURN, 0, 0, no)], 0)
        ),
        *_if_called(
            machine.prlimit,
            [(_EQUAL, 2, 0, 0), (_EQUAL, 1, 0, process), (_RETURN, 0, 0, no)],
            0,
        ),
        *_if_called(
            machine.ioctl,
            [(_EQUAL, 1, 0, _TIOCSTI), (_EQUAL, 0, 1, _TIOCLINUX), (_RETURN, 0, 0, no)],
            1,
        ),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _answer(number: int, action: int) -> list[Instruction]:
    return [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, action)]


def _if_called(number: int, judge: list[Instruction], argument: int) -> list[Instruction]:
    """*judge* the low half of one argument; past its end, the call is allowed."""
    block = [(_LOAD, 0, 0, 16 + 8 * argument), *judge, (_RETURN, 0, 0, _ALLOW)]
    return [(_EQUAL, 0, len(block), number), *block]
