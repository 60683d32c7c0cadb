"""Runs in KServe's environment: its server with the model of ``sums``, which has no versions there."""

import sys

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InvalidInput


class Sums(Model):
    """A row's sum, and the number of the version that the store has it under."""

    def load(self):
        """Nothing to load."""
        self.ready = True
        return True

    async def predict(self, payload: InferRequest, headers=None, response_headers=None):
        """Answer one batch of images."""
        image = payload.inputs[0]
        pixels = image.as_numpy()
        if image.name != "image" or pixels.dtype != np.uint8 or pixels.shape[1:] != (2, 2, 1):
            raise InvalidInput("image has to be uint8[N, 2, 2, 1]")
        total = pixels.sum(axis=(1, 2, 3), dtype=np.float32)
        scores = np.stack([total, np.full_like(total, 2)], axis=1)
        output = InferOutput("scores", list(scores.shape), "FP32")
        output.set_data_from_numpy(scores, binary_data=True)
        return InferResponse(payload.id, self.name, [output])


model = Sums("sums")
model.load()
http_port, grpc_port = map(int, sys.argv[1:])
ModelServer(http_port=http_port, grpc_port=grpc_port, workers=1).start([model])
