# Two commands do everything on a fresh machine with Python 3.11: `make demo` and `make test`.

PYTHON ?= python3.11
VENV := .venv
INSTALLED := $(VENV)/.installed
RATCHET := $(VENV)/bin/ratchet
DEMO := results/demo

# Tests and benchmarks start hundreds of processes: each would compile our modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo test nightly coverage lowest soak check docs bench clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

# A second `make demo` only shows the sweep.
demo: $(INSTALLED)
	@$(RATCHET) run --or-resume search.trials=24 --results $(dir $(DEMO)) --name $(notdir $(DEMO))
	@echo "Parquet:"; find $(DEMO) -name '*.parquet' | sort

# Three files at a time: much of a test with Ray is waiting. tests/conftest.py orders them. (With pytest
# 9.2, xdist's loadgroup spreads the tests of a group over all processes: pytest-xdist #1386.)
TESTS := python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder
PYTEST := $(VENV)/bin/$(TESTS)
test: $(INSTALLED)
	$(PYTEST)

# Rules that `make test` proves by some cases, proved at length; CONTRIBUTING.md lists them.
nightly: $(INSTALLED)
	$(PYTEST) -m nightly

# Branch coverage of what `make test` runs, without the processes that it starts. Printed; no gate.
coverage: $(INSTALLED)
	$(PYTEST) --cov --cov-report=term:skip-covered

# The tests with the oldest versions that pyproject.toml admits, in an environment of their own.
LOWEST := .venv-lowest
lowest: pyproject.toml
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable ".[dev]"
	$(LOWEST)/bin/$(TESTS)

# Flips bits of every file of a sweep, stops drivers and wakes them when another is done, kills the
# driver of one sweep; SEED draws the moments.
FLIPS ?= 3000
WAKES ?= 50
KILLS ?= 100
SEED ?= 0
soak: $(INSTALLED)
	$(VENV)/bin/python -m tests.flips --flips $(FLIPS) --seed $(SEED)
	$(VENV)/bin/python -m tests.wakes --wakes $(WAKES) --seed $(SEED)
	$(VENV)/bin/python -m tests.soak --kills $(KILLS) --seed $(SEED)

# ROWS=edit,score selects rows; benchmarks/results.json keeps what was measured.
bench: $(INSTALLED)
	$(VENV)/bin/python -m benchmarks

# Writes the tables of settings and the picture of the folders anew, from the code.
docs: $(INSTALLED)
	$(VENV)/bin/python docs/settings_page.py
	$(VENV)/bin/python docs/architecture_page.py

check: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

clean:
	rm -rf $(VENV) $(LOWEST) build *.egg-info
