#!/bin/sh
# Rebuild descriptors.binpb and the type stubs from the .proto files beside this script.
# Needs the `dev` extra; CI runs it and fails when the result differs from the commit.
set -eu
python=${PYTHON:-python3}
cd "$(dirname "$0")/../../.."
tools=$(dirname "$("$python" -c 'import sys; print(sys.executable)')")
PATH=$tools:$PATH "$python" -m grpc_tools.protoc -I. \
  --include_imports --descriptor_set_out=serving/api/protos/descriptors.binpb \
  --mypy_out=quiet:. serving/api/protos/*.proto
