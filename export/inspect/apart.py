"""``python -m export.inspect.apart KIND PATH``: inspects one source behind the sandbox.

Prints the findings as JSON.  Nothing of the file reaches the process that asked, but for
names in sentences.
"""

from __future__ import annotations

import sys
from pathlib import Path

from export.inspect.inspection import encode, inspect
from export.workshop.sandbox import enter, limits_for, size


def main() -> int:
    """Inspect what the arguments name; returns the exit status."""
    kind, path = sys.argv[1], Path(sys.argv[2])
    # What stands beside the source is looked up, never opened.
    enter(limits_for(size(path)), Path.cwd(), (path,))
    print(encode(inspect(path, kind)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
