# From a fresh clone with Python >= 3.11: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# As every other way of installing does; the first start need not.
COMPILE := $(BIN)/python -m compileall -q service dashboards trainer_hooks migrations
ARGS ?=

.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.run-installed ## service + real training + verdict; pass options on with ARGS="--exit --fault nan"
	@$(BIN)/gadwatch demo $(ARGS)

serve: $(VENV)/.run-installed ## the service alone, on 127.0.0.1:8400
	@$(BIN)/gadwatch serve $(ARGS)

test: $(VENV)/.dev-installed ## every test; ARGS="tests/rules -k gate" for some
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(ARGS)

fuzz: $(VENV)/.dev-installed ## random input for every route and reader; minutes to hours: EXAMPLES=400
	@GADWATCH_FUZZ_EXAMPLES=$(or $(EXAMPLES),400) $(BIN)/python -m pytest tests/fuzz -s $(ARGS)

soak: $(VENV)/.dev-installed ## an hour of kills and cuts under load; ARGS="--minutes 3" for less
	@$(BIN)/python -m bench.soak --minutes 60 $(ARGS)

bench: $(VENV)/.dev-installed ## every benchmark, and peers beside it; writes docs/performance.md; ARGS="growth hook" for some
	@$(BIN)/python -m bench $(ARGS)

lint: $(VENV)/.dev-installed ## style, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(VENV)/.dev-installed ## write what is made from the code, and build the site
	@$(BIN)/gadwatch rules reference > docs/rules.md
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

constraints: $(VENV)/.dev-installed ## write the installed versions into constraints.txt
	@( echo "# Versions that the tests ran with. Regenerate: make constraints"; \
	  $(PIP) freeze --exclude-editable | sed 's/+cpu//' ) > constraints.txt

clean: ## remove the environment and caches; data folders stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build site

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "gadwatch needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V 2>&1`. Try: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "could not make $(VENV): install your system's venv package (Debian: python3-venv)"; exit 1; }

$(VENV)/.run-installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing gadwatch into $(VENV) (PyTorch included: some minutes the first time) …"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[service,trainer]'
	@$(COMPILE)
	@touch $@

$(VENV)/.dev-installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing gadwatch and its test tools into $(VENV) …"
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(COMPILE)
	@touch $@ $(VENV)/.run-installed

.PHONY: help demo serve test fuzz soak bench lint docs constraints clean
