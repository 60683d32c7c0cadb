"""What the process that holds a source gives up before it looks at the file.

The child calls ``enter`` first of all, and cannot go back: memory, time, files, network and
other processes are bounded by whatever the system offers, for any user, root included.
Linux offers all of it; elsewhere the limits of POSIX remain and the rest is told as notes.
The limit of time on the clock is the parent's (``export.workshop.client``), as is the end.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import resource
import sys
import tempfile
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from export.workshop import landlock, seccomp

GIB = 1 << 30
# Variables that choose a language, a time zone, an interpreter or a framework's manner.
_KEPT = frozenset({
    "PATH", "LANG", "LANGUAGE", "TZ", "PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "SYSTEMROOT",
})  # fmt: skip
_KEPT_BEGINNINGS = (
    "LC_",
    "OMP_",
    "TF_",
    "KERAS_BACKEND",
    "MKL_",
    "OPENBLAS_",
    "ORT_",
    "PYTHONWARN",
)
# What libraries read to find out about the machine, users' names and the time zone.
_SYSTEM = (
    "/usr", "/lib", "/lib64", "/bin", "/nix/store", "/etc/ld.so.cache", "/etc/localtime",
    "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/mime.types", "/proc/self",
    "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version", "/proc/filesystems",
    "/proc/sys/kernel", "/proc/sys/vm", "/sys/devices/system", "/sys/fs/cgroup",
    "/dev/zero", "/dev/random", "/dev/urandom",
)  # fmt: skip
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_DROP_BOUNDING, _LAST_CAPABILITY = 24, 63
# A container's root opens its user's files by this one alone; Landlock bounds which.
_DAC_OVERRIDE = 1
_CAPABILITIES_3 = 0x20080522


@dataclass(frozen=True, slots=True)
class Limits:
    """What the process may use.

    Attributes:
        memory_bytes: Its own memory.  Address space is four times as much: frameworks map
            far more than they touch.
        cpu_s: Seconds of processor time, over all threads.
        file_bytes: The longest file it may write.
        open_files: Descriptors at one time.
        threads: At one time; new processes it can have none.  Not enforced for root.
    """

    memory_bytes: int = 8 * GIB
    cpu_s: int = 3_600
    file_bytes: int = 8 * GIB
    open_files: int = 1_024
    threads: int = 4_096


def limits_for(source_bytes: int) -> Limits:
    """Room for a model of that size, its graph and copies of both on the way."""
    return Limits(
        memory_bytes=max(8 * GIB, 4 * GIB + 8 * source_bytes),
        file_bytes=max(8 * GIB, 8 * source_bytes),
    )


def size(source: Path) -> int:
    """Bytes of a file, or of a folder's files."""
    files = source.rglob("*") if source.is_dir() else [source]
    return sum(file.stat().st_size for file in files if file.is_file())


def environment(given: Mapping[str, str], work: Path) -> dict[str, str]:
    """What of *given* a child may know: no credentials, and *work* as its home."""
    kept = {
        name: value
        for name, value in given.items()
        if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)
    }
    homes = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "KERAS_HOME", "TORCH_HOME")
    # No bytecode: the libraries' folders cannot be written to.  No graphics card: its devices
    # are not among the files that can be opened.
    fixed = {"PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": ""}
    return kept | dict.fromkeys(homes, str(work)) | fixed


def enter(
    limits: Limits,
    work: Path,
    readable: tuple[Path, ...] = (),
    *,
    variables: MutableMapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Give up everything that loading a model does not need; for good.

    Call it in the main thread before any library starts another one.

    Args:
        limits: What may be used.
        work: The one folder that may be changed; the parent's temporary folder.
        readable: The source, and what else must be read beside Python and its libraries.
        variables: The process' environment, to be scrubbed; its own if None.

    Returns:
        What this system could not enforce, one sentence each, for the export's report.
    """
    _scrub(os.environ if variables is None else variables, work)
    _set_limits(limits)
    if sys.platform != "linux":
        return (f"on {sys.platform} neither the network nor other files are closed to the source",)
    has_own_network = _leave_network()
    _drop_capabilities()
    if not seccomp.refuse_privileges():
        return ("this kernel gives privileges away; the source was loaded without a fence",)
    notes = []
    if not landlock.fence((*_libraries(), *readable), (work, Path("/dev/null"))):
        notes.append("this kernel has no Landlock: files of this user were open to the source")
    if not seccomp.filter_calls():
        notes.append("system calls are not filtered here: the source could start processes")
        if not has_own_network:
            notes.append("the network could not be closed to the source")
    return tuple(notes)


def _scrub(variables: MutableMapping[str, str], work: Path) -> None:
    kept = environment(variables, work)
    for name in set(variables) - set(kept):
        del variables[name]
    variables.update(kept)
    # Python keeps the folder that it found first.
    tempfile.tempdir = str(work)


def _set_limits(limits: Limits) -> None:
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        # Counts private memory that can be written to, of every thread.
        resource.RLIMIT_DATA: limits.memory_bytes,
        resource.RLIMIT_AS: 4 * limits.memory_bytes,
    }
    for kind, bound in bounds.items():
        _lower(kind, bound)
    # Counted for the user and not for the process, outside a user namespace of its own.
    _lower(resource.RLIMIT_NPROC, limits.threads + _threads_of_user())


def _lower(kind: int, bound: int) -> None:
    """Set a limit, or keep the lower one that is there."""
    _, hard = resource.getrlimit(kind)
    least = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
    # macOS refuses bounds on address space.
    try:
        resource.setrlimit(kind, (least, least))
    except (OSError, ValueError):
        return


def _threads_of_user() -> int:
    """How many this user has now; 0 where /proc does not say."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid():
                count += sum(1 for _ in (process / "task").iterdir())
        except OSError:  # it ended meanwhile
            continue
    return count


def _leave_network() -> bool:
    """Move into an empty network, where the system lets this user have one."""
    unshare = ctypes.CDLL(None).unshare
    if unshare(_NEW_NETWORK) == 0:  # root
        return True
    user, group = os.getuid(), os.getgid()
    if unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return False
    # Names the user as before; where that is forbidden the process is nobody, which will do.
    texts = {
        "setgroups": "deny",
        "uid_map": f"{user} {user} 1",
        "gid_map": f"{group} {group} 1",
    }
    with suppress(OSError):
        for name, text in texts.items():
            Path("/proc/self", name).write_text(text, "ascii")
    return True


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("process", ctypes.c_int))


def _drop_capabilities() -> None:
    """Keep none but opening files; nothing happens for who has none."""
    library = ctypes.CDLL(None)
    for capability in range(_LAST_CAPABILITY + 1):
        if capability != _DAC_OVERRIDE:
            library.prctl(_DROP_BOUNDING, capability, 0, 0, 0)
    keep = 1 << _DAC_OVERRIDE if os.geteuid() == 0 else 0
    # Effective, permitted and inheritable, twice: capabilities 0-31 and 32-63.
    sets = (ctypes.c_uint32 * 6)(keep, keep, 0, 0, 0, 0)
    header = _Header(_CAPABILITIES_3, 0)
    if library.capset(ctypes.byref(header), ctypes.byref(sets)) != 0:
        nothing = (ctypes.c_uint32 * 6)()
        library.capset(ctypes.byref(header), ctypes.byref(nothing))


def _libraries() -> tuple[Path, ...]:
    """Where Python, its packages and the system's libraries are.

    The current folder, which ``-m`` puts first, is not among them, nor is one that holds
    the user's files.
    """
    here = {"", str(Path.cwd())}
    imports = [Path(entry).resolve() for entry in sys.path if entry not in here]
    prefixes = [Path(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    home = _home()
    wide = {home, *home.parents}
    own = Path(__file__).parents[2]
    return (
        *(path for path in (*imports, *prefixes) if path.resolve() not in wide),
        *(own / name for name in ("export", "model_store", "easel")),
        *map(Path, _SYSTEM),
    )


def _home() -> Path:
    """The user's own folder, whatever ``HOME`` says now."""
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()
    except KeyError:  # a container's user without a name
        return Path("/")
