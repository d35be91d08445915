# Every target sets up what it needs: Python >= 3.11, make and a package registry are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types bench lock clean

help: ## what the targets do
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/.demo ## the job at work on a stand-in for Numerai, without an account
	@$(BIN)/python -m job demo

test: $(VENV)/.dev ## all tests
	$(BIN)/python -m pytest

check: lint types test ## lint, strict types and all tests

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

bench: $(VENV)/.dev ## the figures of the README, measured on this machine
	$(BIN)/python -m tests.bench

lock: $(VENV)/.dev ## resolve constraints.txt anew for every Python that is supported
	@$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --no-emit-package numerai-job --no-emit-index-url --no-header --no-annotate \
	  --output-file constraints.txt --upgrade --quiet

clean: ## remove what the targets made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A stamp is written last, so that an interrupted set-up is done again.
$(VENV)/.demo: pyproject.toml constraints.txt
	$(call install,demo)

$(VENV)/.dev: pyproject.toml constraints.txt
	$(call install,dev)
	@touch $(VENV)/.demo

define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11; try make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (the first time only)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(1)]'
	@touch $@
endef
