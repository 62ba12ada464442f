# Two commands do everything: `make demo` and `make test`. The rest is for daily work.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
PHOTOS ?=
DETECTRON2_PYTHON ?= python3
JOBS ?= $(shell nproc)
# A file's tests stay in one process, and so do all browser tests (tests/conftest.py). Slow rooms begin first.
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test every-test test-long test-links check coverage lint format types unit up parity train-demo bench bench-imaging bench-statistics
.PHONY: drill fuzz lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.local ## Local stack, photographs in, coverage table out (PHOTOS=folder takes your own)
	$(BIN)/python -m local demo $(if $(PHOTOS),"$(PHOTOS)")

up: $(VENV)/.local ## Keep the local stack and the web page running until Ctrl-C
	$(BIN)/python -m local up

test: $(VENV)/.dev $(VENV)-checkov/.ready ## Lint, types and every test
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory --jobs=2 types every-test

every-test: $(VENV)/.dev $(VENV)-checkov/.ready
	$(PYTEST)

test-long: $(VENV)/.dev ## Long forms of tests that make test runs in a short form
	$(PYTEST) tests/integration tests/template tests/accuracy tests/page tests/unit -m long

test-links: $(VENV)/.dev ## Long browser tests: every link of every page from every state, every way of an upload
	$(BIN)/python -m pytest tests/e2e -m "links or long"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy functions local frontend training synthetic scripts tests

check: $(VENV)/.dev ## Lint, types (of the tests too) and the fast tests, before each commit
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory --jobs=2 types unit

unit: $(VENV)/.dev ## The fast tests only
	$(PYTEST) tests/unit

coverage: $(VENV)/.dev ## Which lines of the four steps no test of theirs runs (bench-output/coverage)
	$(PYTEST) tests/unit tests/accuracy tests/integration --cov=restoration --cov=reframing --cov=segmentation \
	  --cov=coverage_step --cov-report=term-missing:skip-covered --cov-report=html:bench-output/coverage

format: $(VENV)/.dev ## Put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

drill: $(VENV)/.dev ## Every kind of fault against the real steps: 500 photographs, three seeds, what was lost (about a minute a seed, 25 minutes at most in all)
	$(BIN)/python -m tests.drills --seeds $(or $(SEEDS),1 2 3) --photographs 500 --minutes 25

fuzz: $(VENV)/.dev ## 50,000 wrong inputs against every entrance: named errors only, within 5 s and the function's memory
	$(BIN)/python -m tests.fuzz --inputs 50000

bench: $(VENV)/.dev ## Speed and memory of the pipeline and the models, parity where detectron2 is installed
	$(BIN)/python -m tests.benchmarks.bench_pipeline
	$(BIN)/python -m tests.benchmarks.bench_inference
	$(BIN)/python -m tests.benchmarks.bench_frontend

parity: ## Full-size parity with detectron2 (DETECTRON2_PYTHON names an interpreter that has it, pytest and this project)
	$(DETECTRON2_PYTHON) -m pytest tests/parity -s

train-demo: ## Train, measure and describe both demo models (DETECTRON2_PYTHON names an interpreter with detectron2 and this project)
	$(DETECTRON2_PYTHON) -m training.recipe --output out/demo --minutes 180 \
	  $(if $(wildcard ../shared/data),--real ../shared/data)

bench-imaging: $(VENV)/.dev ## Accuracy and speed of restoration and reframing, beside the ancestor's algorithms
	$(BIN)/python -m tests.benchmarks.bench_reframing --count 500
	$(BIN)/python -m tests.benchmarks.bench_restoration

bench-statistics: $(VENV)/.dev ## Do intervals of cover hold the truth, and are they as narrow as theory allows?
	$(BIN)/python -m tests.benchmarks.bench_statistics

lock: $(VENV)/.dev ## Write the lock files again (versions and hashes)
	$(BIN)/python -m pip install --quiet uv
	PATH=$(CURDIR)/$(BIN):$$PATH requirements/compile.sh

clean: ## Remove what the other targets made, the local stack's state included
	rm -rf $(VENV) $(VENV)-checkov .cache .aws-sam .local-stack demo-output test-artifacts bench-output

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ReefSteps needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)

# The second line puts the project itself on the path, with the build backend that the first line has installed.
$(VENV)/.local: requirements/local.txt pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes -r $<
	$(PIP_INSTALL) --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	$(PIP_INSTALL) --require-hashes -r $<
	$(PIP_INSTALL) --no-build-isolation --editable .
	touch $@ $(VENV)/.local

# checkov pins versions that the other tools cannot live with, so it has an environment of its own.
$(VENV)-checkov/.ready: requirements/checkov.txt
	$(PYTHON) -m venv $(VENV)-checkov
	$(VENV)-checkov/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	touch $@

include deploy.mk
