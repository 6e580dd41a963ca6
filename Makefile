# Two commands matter: `make verify` checks the claims of the papers, `make test` tests the library.
# Both create .venv on first use and need nothing but Python (3.11 or newer), git and make.

PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint .ci/constraints.txt
# Workers share the cores, so each computes on one thread.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help venv verify test lint figures docs results benchmarks clean

help:
	@echo "make verify      check every claim of the papers on this machine (minutes); page in build/report/"
	@echo "make test        lint, types, unit tests, notebooks"
	@echo "make figures     draw every figure from its shipped table into paper_figures/out/"
	@echo "make lint        ruff and pyright only"
	@echo "make docs        build the documentation, executing every notebook, into build/docs/"
	@echo "make results     verify, and bring the tables in README and docs up to date"
	@echo "make benchmarks  measure the ratios that docs/benchmarks.md shows, and bring it up to date"
	@echo "make venv        only create .venv"

venv: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml .ci/constraints.txt $(wildcard linmem/trained/native/src/*)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else "linmem needs Python >= 3.11, found %d.%d; call make PYTHON=python3.11" % v[:2])'
	@echo "creating $(VENV) (a few minutes, once)"
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) --editable '.[dev,docs]'
	@touch $@

verify: venv
	$(BIN)/linmem verify --scale quick

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

test: lint
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(JOBS) --dist worksteal
	$(ONE_THREAD) $(BIN)/python -m pytest --nbmake --nbmake-timeout=1200 -n $(JOBS) --dist worksteal notebooks/

figures: venv
	$(BIN)/linmem figures

docs: $(VENV)/.docs
	$(ONE_THREAD) $(BIN)/sphinx-build -W --keep-going -b html docs build/docs

results: venv
	$(BIN)/linmem verify --scale quick
	$(BIN)/python docs/generate.py --take build/report/claims.json

benchmarks: venv
	$(ONE_THREAD) $(BIN)/python benchmarks/operators.py --json docs/results/operators.json
	$(ONE_THREAD) $(BIN)/python benchmarks/recovery.py --budget 20 --json docs/results/recovery.json
	$(ONE_THREAD) $(BIN)/python benchmarks/recovery.py --large --json docs/results/recovery-large.json
	$(ONE_THREAD) $(BIN)/python benchmarks/capacity.py --json docs/results/capacity.json
	$(ONE_THREAD) $(BIN)/python benchmarks/training.py --json docs/results/training.json
	$(ONE_THREAD) $(BIN)/python benchmarks/training_grid.py --json docs/results/training_grid.json
	$(ONE_THREAD) $(BIN)/python benchmarks/sweeps.py --json docs/results/sweeps.json
	$(ONE_THREAD) $(BIN)/python benchmarks/loss.py --json docs/results/loss.json
	$(ONE_THREAD) $(BIN)/python benchmarks/plateau.py --json docs/results/plateau.json
	$(ONE_THREAD) $(BIN)/python benchmarks/widths.py --json docs/results/widths.json
	$(BIN)/python docs/generate.py

clean:
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis paper_figures/out
