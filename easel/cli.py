"""``easel COMMAND``: finds the package that has the command, and turns failures into words.

A package is imported only when its command runs, so that a server's environment needs
nothing of the exporter's and the other way round.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import version

from model_store.errors import EaselError, InvalidRequest

COMMANDS = {
    "export": ("export.cli", "convert a model, prove it equal, publish a version"),
    "serve": ("serving.cli", "serve the store over gRPC"),
    "adapter": ("adapter.cli", "answer drawings over HTTP, with the web page"),
    "up": ("easel.up", "start server and adapter together"),
}


def main() -> int:
    """Entry of the console command; returns its exit status: 0, 1 (failed), 2 (used wrongly)."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--version"]:
        print(f"easel {version('easel')}")
        return 0
    if not arguments or arguments[0] not in COMMANDS:
        wanted = arguments[:1] in ([], ["--help"], ["-h"])
        print(_usage(), file=sys.stdout if wanted else sys.stderr)
        return 0 if wanted else 2
    module, _ = COMMANDS[arguments[0]]
    try:
        status: int = import_module(module).main(arguments[1:])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in _OWN:
            raise
        print(
            f"easel {arguments[0]}: {error.name} is not installed; "
            f"run: pip install 'easel[{_EXTRAS.get(arguments[0], 'serving,adapter')}]'",
            file=sys.stderr,
        )
        return 1
    except EaselError as error:
        print(f"easel {arguments[0]}: {error}", file=sys.stderr)
        return 2 if isinstance(error, InvalidRequest) else 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status


_OWN = {"adapter", "easel", "export", "model_store", "serving"}
_EXTRAS = {"export": "export", "serve": "serving", "adapter": "adapter"}


def _usage() -> str:
    lines = [f"  {name:<10}{text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        ["usage: easel COMMAND [--help]", "", *lines, "", "  --version shows the version"]
    )


if __name__ == "__main__":
    sys.exit(main())
