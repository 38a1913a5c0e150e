# What people type; each target does its own set-up. `make help` lists them.

PYTHON ?=
export PYTHON
BIN := .venv/bin

DEMO_CAPTURE := fixtures/pcaps/http/demo.pcapng
DEMO_DB := .cache/demo.db
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.NOTPARALLEL: # two set-ups at once would write to one .venv

.PHONY: help
help: ## list these targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18

.PHONY: demo
demo: .venv/.runtime ## replay a shipped capture through the shipped signatures
	@mkdir -p $(dir $(DEMO_DB))
	$(BIN)/watchdog-sensor replay --db $(DEMO_DB) $(DEMO_CAPTURE)

.PHONY: test
test: .venv/.dev ## run the tests; on Debian, as root, also installs the programs they compare with
	@.ci/install-debian
	$(BIN)/pytest $(ARGS)

.PHONY: lint lint-style lint-types lint-layers
lint: lint-style lint-types lint-layers ## check style, types and the order of the stages

lint-style: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lint-types: .venv/.dev
	$(BIN)/mypy

lint-layers: .venv/.dev
	$(BIN)/lint-imports

.PHONY: format
format: .venv/.dev ## put the code into the form that lint asks for
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: bench
bench: .venv/.dev ## measure speed and memory; ARGS="FILE…" for captures of your own
	@.ci/install-debian
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: bench-match
bench-match: .venv/.dev ## measure what finding words costs and finds, by number and by form
	$(BIN)/python -m tests.bench.match $(ARGS)

.PHONY: bench-live
bench-live: .venv/.dev ## measure live capture over a veth pair, as root on Linux
	@.ci/install-debian
	$(BIN)/python -m tests.bench.live $(ARGS)

.PHONY: soak
soak: .venv/.dev ## run the service under mixed traffic for an hour, as root on Linux; ARGS="--seconds N"
	@.ci/install-debian
	$(BIN)/python -m tests.bench.soak $(ARGS)

.PHONY: fuzz
fuzz: .venv/.dev ## run each fuzz target for FUZZ_SECONDS (60); findings stay in .cache/fuzz
	@set -e; for file in tests/fuzz/fuzz_*.py; do \
	    name=$$(basename $$file .py); echo "$$name, $(FUZZ_SECONDS) s"; \
	    $(BIN)/python -m tests.fuzz.$$name -max_total_time=$(FUZZ_SECONDS) $(ARGS); \
	done

# --no-annotate and --no-header keep the files the same whoever renews them, from wherever.
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
    --no-annotate --no-header --python-version 3.11 --only-binary :all: $(UPGRADE) pyproject.toml

.PHONY: lock
lock: .venv/.dev ## renew the lock files after a change of pyproject.toml; UPGRADE=-U takes newer versions
	$(LOCK) --group build --output-file requirements.lock
	$(LOCK) --group dev --constraint requirements.lock --output-file requirements-dev.lock

.PHONY: clean
clean: ## remove the environment and everything else that was made
	rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written only when the set-up has come to its end, so one that was stopped is taken up again.
.venv/.runtime: pyproject.toml requirements.lock .ci/install-python
	@.ci/install-python requirements.lock
	@touch $@

.venv/.dev: pyproject.toml requirements.lock requirements-dev.lock .ci/install-python
	@.ci/install-python requirements-dev.lock
	@touch .venv/.runtime $@
