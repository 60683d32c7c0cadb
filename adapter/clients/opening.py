"""The settings become the adapter's one model server: groups of servers, by model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from adapter.clients.balancing import BalancedServers
from adapter.clients.circle import Client
from adapter.clients.oip import OipClient
from adapter.clients.oip_http import OipHttpClient
from adapter.clients.places import Place
from adapter.clients.servers import Protocol, ServerGroup
from adapter.clients.tfs import TfsClient
from adapter.clients.tls import TlsFiles, check_files
from adapter.clients.tokens import TokenFile
from adapter.clients.torchserve import TorchServeClient
from adapter.clients.torchserve_rest import TorchServeRestClient
from adapter.ports import Scores, Tensors
from model_store.errors import InvalidRequest, ServableNotFound

_NO_FILES = TlsFiles()
_ALL = "model server"


class ModelServers:
    """``adapter.ports.ModelServer`` over every group: each model is asked of its own.

    A worker forks before it opens anything, and calls on from there.
    """

    def __init__(self, groups: Mapping[str | None, BalancedServers]) -> None:
        """*groups* are the servers by model, and under None those of all other models."""
        self._groups, self._everyone = groups, groups.get(None)
        self._named = {
            f"{_ALL} of {name}" if name else _ALL: servers for name, servers in groups.items()
        }

    def predict(
        self, model: str, version: int | None, inputs: Tensors, *, timeout_s: float
    ) -> Scores:
        """See the port."""
        servers = self._groups.get(model, self._everyone)
        if servers is None:
            raise ServableNotFound(f"no model server is configured for the model {model!r}")
        return servers.predict(model, version, inputs, timeout_s=timeout_s)

    def is_ready(self, *, timeout_s: float) -> bool:
        """See the port."""
        return not any(self.health(timeout_s=timeout_s).values())

    def health(self, *, timeout_s: float) -> Mapping[str, str | None]:
        """See the port; all groups are asked at once."""

        def reason(servers: BalancedServers) -> str | None:
            is_ready = servers.is_ready(timeout_s=timeout_s)
            return None if is_ready else "does not answer, or is still loading its models"

        if len(self._named) == 1:  # without a thread
            return {name: reason(servers) for name, servers in self._named.items()}
        with ThreadPoolExecutor(len(self._named)) as pool:
            return dict(zip(self._named, pool.map(reason, self._named.values()), strict=True))

    def close(self) -> None:
        """See the port."""
        for servers in self._named.values():
            servers.close()


def open_servers(
    groups: Sequence[ServerGroup],
    tls: TlsFiles = _NO_FILES,
    token_file: str = "",
    shared_memory: str = "",
) -> ModelServers:
    """One port over *groups*, of which one may be for all models; connects to nothing yet.

    Args:
        groups: Who holds what.
        tls: Files for those whose connections are encrypted.
        token_file: What TorchServe wants to be told; none if empty.
        shared_memory: How memory begins that servers of ``oip+http`` here were told to share.

    Raises:
        InvalidRequest: The files of the encryption, or of the token, cannot be used.
    """
    if any(group.is_tls for group in groups):
        check_files(tls)
    elif tls != _NO_FILES:
        raise InvalidRequest(
            "model_server_ca and its like are for schemes with TLS, such as tfs+tls://; "
            "model_servers and model_server have none"
        )
    token = TokenFile(Path(token_file)) if token_file else None
    if token is not None:
        token.read()
    clients: Mapping[Protocol, Callable[[Place], Client]] = {
        "tfs": TfsClient,
        "oip": OipClient,
        "oip+http": lambda place: OipHttpClient(place, shared_memory),
        "torchserve": lambda place: TorchServeClient(place, token),
        "torchserve+http": lambda place: TorchServeRestClient(place, token),
    }
    return ModelServers(
        {
            group.model: BalancedServers(
                group, tls if group.is_tls else None, clients[group.protocol]
            )
            for group in groups
        }
    )
