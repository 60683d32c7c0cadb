#!/bin/sh
# The server image's entrypoint: what TensorFlow Serving's image makes of its variables,
# then the caller's own flags, of which the last one wins.
set -eu
if [ -n "${MODEL_NAME:-}" ]; then
    set -- "--model_name=$MODEL_NAME" "--model_base_path=${MODEL_BASE_PATH:-/models}/$MODEL_NAME" "$@"
fi
exec easel serve "$@"
