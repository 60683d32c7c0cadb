"""TorchServe: a handler without torch's own; a Java front, one Python process a worker.

The archive holds only this file: the graph comes from the bench's store as for all peers.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.graphs import Graph

_graphs: dict[str, Graph] = {}


def handle(data: list[dict[str, Any]] | None, context: Any) -> list[bytes] | None:
    """Raw pixels to raw scores, one run for the whole batch."""
    graph = _graphs.get(context.model_name)
    if graph is None:
        graph = _graphs[context.model_name] = Graph(context.model_name)
    if not data:
        return None
    return graph.answers([bytes(each.get("body") or each["data"]) for each in data])
