# The commands of the project. Needs a Python 3.11-3.13 with venv, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Written last by `make setup`: an environment that was left half made is made again.
STAMP := $(VENV)/.installed
# The installer, at the version that the lock file names.
UV_VERSION := $(shell sed -n "s/^uv==\([0-9.]*\).*/\1/p" requirements.lock)
PYTEST_ARGS ?=
# Processes that share the tests, a file each at a time, with a thread each; the slow files come first by name.
WORKERS ?= 2

.PHONY: setup demo test bench lint format lock clean help

help:
	@echo "make setup   make .venv from requirements.lock"
	@echo "make demo    the main job on the demo data, from nothing to a neighbourhood"
	@echo "make test    lint, types, layers, and the whole test suite"
	@echo "make bench   all benchmarks; results as JSON in benchmarks/results/"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make lock    renew requirements.lock from pyproject.toml"

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"error: Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}; name one with: make setup PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	# Bytecode now: where Python may not write it later, every command would compile all of PyTorch again.
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --upgrade >/dev/null
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup
	$(BIN)/python -m queries.demo

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m benchmarks.run_all --out benchmarks/results

lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --all-extras --no-emit-index-url \
	  --no-emit-find-links --no-annotate --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml requirements.build.in

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
