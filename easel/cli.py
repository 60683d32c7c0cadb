"""``easel COMMAND``: finds the package that has the command, and turns failures into words.

A package is imported only when its command runs, so that a server's environment needs
nothing of the exporter's and the other way round.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

from model_store.errors import EaselError, InvalidRequest

COMMANDS = {
    "export": ("export.cli", "convert a model, prove it equal, publish a version"),
    "models": ("model_store.commands.models", "list the models of the store"),
    "versions": ("model_store.commands.versions", "list a model's versions"),
    "show": ("model_store.commands.show", "show what is known of a version"),
    "verify": ("model_store.commands.verify", "check files and signatures of versions"),
    "sign": ("model_store.commands.sign", "sign a version"),
    "promote": ("model_store.commands.promote", "make a version live"),
    "rollback": ("model_store.commands.rollback", "make the version before live again"),
    "history": ("model_store.commands.history", "list who made what live, when and why"),
    "gc": ("model_store.commands.gc", "delete unfinished work and old versions"),
    "serve": ("serving.cli", "serve the store over gRPC and HTTP"),
    "adapter": ("adapter.cli", "answer drawings over HTTP, with the web page"),
    "replay": ("adapter.replay.cli", "run a request log against another version"),
    "keys": ("adapter.keys_cli", "make, list and remove API keys of the adapter"),
    "up": ("easel.up", "start server and adapter together"),
    "doctor": ("serving.doctor", "say what the server finds here, and what it chooses"),
}


def main() -> int:
    """Entry of the console command; returns its exit status: 0, 1 (failed), 2 (used wrongly)."""
    # ONNX Runtime reports to its makers unless it is told not to, before its import.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    arguments = sys.argv[1:]
    if not arguments or arguments[0] not in COMMANDS:
        return _explain(arguments)
    try:
        return _run(arguments[0], arguments[1:])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in _OWN:
            raise
        extra = _EXTRAS.get(arguments[0], "serving,adapter")
        return _fail(arguments, f"{error.name} is not installed; run: pip install 'easel[{extra}]'")
    except BrokenPipeError:  # the reader of our output has gone, as in `easel ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (EaselError, OSError) as error:
        return _fail(arguments, _words(error), 2 if isinstance(error, InvalidRequest) else 1)
    except KeyboardInterrupt:
        return 130


def _words(error: EaselError | OSError) -> str:
    """Ours as they are; of the system's what it refused and where, such as a full disk."""
    if isinstance(error, EaselError):
        return str(error)
    places = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return ": ".join([*places[-1:], error.strerror or str(error) or type(error).__name__])


def _fail(arguments: Sequence[str], message: str, status: int = 1) -> int:
    print(f"easel {arguments[0]}: {message}", file=sys.stderr)
    return status


def _explain(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--version"]:
        print(f"easel {version('easel')}")
        return 0
    is_wanted = arguments[:1] in (["--help"], ["-h"])
    print(_usage(), file=sys.stdout if is_wanted else sys.stderr)
    return 0 if is_wanted else 2


def _run(command: str, arguments: Sequence[str]) -> int:
    module, _ = COMMANDS[command]
    status: int = import_module(module).main(arguments)
    return status


_OWN = {"adapter", "easel", "export", "model_store", "serving"}
_EXTRAS = {
    "export": "export",
    "serve": "serving",
    "adapter": "adapter",
    "replay": "adapter",
    "keys": "adapter",
    "doctor": "serving",
}


def _usage() -> str:
    lines = [f"  {name:<10}{text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        ["usage: easel COMMAND [--help]", "", *lines, "", "  --version shows the version"]
    )


if __name__ == "__main__":
    sys.exit(main())
