"""``easel sign NAME[/VERSION] --key PRIVATE.pem``: sign what is published already."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from model_store.commands.common import find_version, parser, print_json
from model_store.digests import SIGNATURE_FILE
from model_store.errors import DeploymentRefused
from model_store.opening import open_signer, open_store


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    made = parser("sign", "Put a signature beside a version, over all its files.")
    made.add_argument("model", metavar="NAME[/VERSION]", help="a name alone is the live version")
    made.add_argument("--key", type=Path, required=True, metavar="PRIVATE.pem")
    flags = made.parse_args(arguments)
    sign, store = open_signer(flags.key), open_store(flags.store)
    model = find_version(store, flags.model)
    store.verify(model)
    with store.at_hand(model) as folder, tempfile.TemporaryDirectory() as desk:
        sign(folder, Path(desk) / SIGNATURE_FILE)
        signature = (Path(desk) / SIGNATURE_FILE).read_bytes()
    path = f"{model}/{SIGNATURE_FILE}"
    with store.locked(model.name):
        if not store.replace(path, signature, store.read(path)):
            raise DeploymentRefused(f"{path} was changed meanwhile; try again")
    if flags.json:
        print_json({"name": model.name, "version": model.number, "signature": path})
    else:
        print(f"{model} is signed")
    return 0
