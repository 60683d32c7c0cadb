"""Run by the sandbox's tests in a process of its own: goes behind the fence and tries what its arguments say.

``escapes.py WORK USER LIMITS NAME...`` prints one JSON object: by name, what came of it.  Only
what was imported before can be used by another user, who may not see this interpreter's files.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from export.workshop.sandbox import Limits, enter

WORK = Path(sys.argv[1])
OUTSIDE = WORK.parent / "outside.txt"


def write(path):
    path.write_text("written")
    return "written"


def ask_kernel_for_a_terminal_byte():
    return "typed" if ctypes.CDLL(None).ioctl(2, 0x5412, b"x") == 0 else "refused"


def start_threads():
    gate = threading.Event()
    threads = [threading.Thread(target=gate.wait) for _ in range(16)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    return "joined"


def run_a_shell():
    return os.waitstatus_to_exitcode(os.system(f"echo out > {OUTSIDE}"))


def bomb():
    while True:
        os.fork()


def spin():
    while True:
        pass


def hold(size):
    return len(bytearray(size))


def write_much():
    with (WORK / "much").open("wb") as file:
        file.truncate(1 << 40)


ATTEMPTS = {
    "connects": lambda: socket.socket(socket.AF_INET).connect(("127.0.0.1", 9)),
    "opens a unix socket": lambda: socket.socket(socket.AF_UNIX),
    "sends a datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "writes outside": lambda: write(OUTSIDE),
    "writes to shared memory": lambda: write(Path("/dev/shm/easel-escape")),
    "reads outside": (WORK.parent / "secret.txt").read_text,
    "lists outside": lambda: list(WORK.parent.iterdir()),
    "reads its parent's variables": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "reads passwords": lambda: Path("/etc/shadow").read_text(),
    "forks": os.fork,
    "starts a program": lambda: subprocess.run(["/bin/true"], check=True),
    "replaces itself": lambda: os.execv("/bin/true", ["true"]),
    "signals its parent": lambda: os.kill(os.getppid(), 0),
    "signals a group": lambda: os.killpg(0, signal.SIGTERM),
    "links a secret": lambda: os.link(WORK.parent / "secret.txt", WORK / "link"),
    "leaves a symbolic link": lambda: (WORK / "symbolic").symlink_to("/etc/passwd"),
    "leaves a pipe": lambda: os.mkfifo(WORK / "pipe"),
    "removes outside": (WORK.parent / "secret.txt").unlink,
    "makes a file in memory": lambda: os.memfd_create("x"),
    "allocates 100 GB": lambda: hold(100 << 30),
    "writes a long file": write_much,
    "makes secret open": lambda: (WORK.parent / "secret.txt").chmod(0o777),
    "types into the terminal": ask_kernel_for_a_terminal_byte,
    "runs a shell": run_a_shell,
    "knows a credential": lambda: os.environ.get("AWS_SECRET_ACCESS_KEY"),
    "knows its home": lambda: os.environ["HOME"],
    "writes inside": lambda: write(WORK / "inside.txt"),
    "moves inside": lambda: (
        (WORK / "a").mkdir(),
        write(WORK / "a" / "f"),
        str((WORK / "a" / "f").replace(WORK / "g").name),
    )[-1],
    "copies inside": lambda: Path(shutil.copy2(WORK / "inside.txt", WORK / "copy.txt")).name,
    "starts threads": start_threads,
    "bombs": bomb,
    "spins": spin,
}


def main():
    if sys.argv[2] != "-":
        os.setgid(int(sys.argv[2]))
        os.setuid(int(sys.argv[2]))
    notes = enter(Limits(**json.loads(sys.argv[3])), WORK)
    outcomes = {"notes": notes}
    for name in sys.argv[4:]:
        try:
            outcomes[name] = ATTEMPTS[name]()
        except (OSError, MemoryError) as error:
            outcomes[name] = type(error).__name__
        if isinstance(outcomes[name], socket.socket):
            outcomes[name] = "opened"
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
