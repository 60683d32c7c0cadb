"""MLServer: a custom runtime, Open Inference over HTTP and gRPC, one process, no batching: as it was fastest.

Found through ``settings.json`` and ``model-settings.json``, which the bench writes.
"""

from __future__ import annotations

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.graphs import Graph


class Scores(MLModel):
    """Any of the models, by its name."""

    async def load(self) -> bool:
        """Load the graph."""
        self._graph = Graph(self.name)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One run for the whole batch."""
        images = NumpyCodec.decode_input(payload.inputs[0])
        scores = self._graph.run(images)
        output = NumpyCodec.encode_output(self._graph.output, scores)
        return InferenceResponse(model_name=self.name, outputs=[output])
