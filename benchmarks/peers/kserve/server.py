"""KServe's Python SDK: a custom model, Open Inference over HTTP and gRPC.

Its batching is a sidecar of the cluster, not of the SDK, so there is none here.  Latency
logging is off, as its documentation advises for load.
"""

from __future__ import annotations

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid

from benchmarks.peers.graphs import MODELS, Graph


class Scores(Model):
    """Any of the models."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._graph: Graph | None = None
        self.ready = True

    def predict(
        self,
        payload: InferRequest,
        headers: dict[str, str] | None = None,  # noqa: ARG002 - its interface
        response_headers: dict[str, str] | None = None,  # noqa: ARG002
    ) -> InferResponse:
        """Run what was sent."""
        if self._graph is None:  # with several workers the model is pickled before it runs
            self._graph = Graph(self.name)
        scores = self._graph.run(payload.inputs[0].as_numpy())
        output = InferOutput(self._graph.output, list(scores.shape), "FP32")
        output.set_data_from_numpy(scores, binary_data=payload.from_grpc)
        return InferResponse(
            payload.id or generate_uuid(),
            self.name,
            [output],
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


if __name__ == "__main__":
    ModelServer().start([Scores(name) for name in MODELS])
