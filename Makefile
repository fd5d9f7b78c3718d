# Everything a working copy needs; `make` alone lists the targets.
#
# Variables, all given after the target (make demo PYTHON=python3.12):
#   PYTHON       the interpreter that .venv is made from, 3.11 or later
#   PIP_ARGS     more arguments for pip. On Linux the default torch wheel carries CUDA; for the
#                much smaller CPU build, name the index that torch's installation page gives:
#                make demo PIP_ARGS="--extra-index-url ..."
#   PYTEST_ARGS  which tests, and how: make test PYTEST_ARGS="tests/core -k window"
#   JOBS         runs at a time in make results, which goes on where it was interrupted
#   ADAPTERS_VENV  where test-adapters installs the libraries that are adapted to
#   LOWEST_VENV, NEWEST_VENV  where test-lowest and test-newest install other versions
#   VERSIONS_ARGS  which tests these two run, and how
#   CAMPAIGN_ARGS  for scripts/campaign.py, as --quick

SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
ADAPTERS_VENV ?= .venv-adapters
LOWEST_VENV ?= .venv-lowest
NEWEST_VENV ?= .venv-newest
AUDIT_VENV ?= .venv-audit
VERSIONS_ARGS ?= -n 2 --dist loadfile -m "not slow" --ignore=tests/docs --ignore=tests/integration
CAMPAIGN_ARGS ?=
PIP_ARGS ?=
JOBS ?= 2
# Two workers, one file each: a file's costly fixtures are made once.
PYTEST_ARGS ?= -n 2 --dist loadfile

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PINS := -c constraints.txt --build-constraint constraints.txt
PROJECTS := packages/pahcl-track/pyproject.toml packages/pahcl-core/pyproject.toml \
	apps/cli/pyproject.toml
CHECKS := check-format check-lint check-types check-imports

.DEFAULT_GOAL := help
.PHONY: help install demo test test-adapters test-lowest test-newest check $(CHECKS) check-licences \
	audit dependencies format docs figures bench campaign results models clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## set up .venv with pahcl and the tools, at pinned versions

# The pip that comes with Python may be older than dependency groups, so it is replaced first.
$(INSTALLED): pyproject.toml constraints.txt $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "pahcl needs Python 3.11 or later; name one: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt 'pip>=25.3' $(PIP_ARGS)
	$(BIN)/python -m pip install --quiet $(PINS) $(PIP_ARGS) --group dev --group docs \
		-e 'packages/pahcl-track[wandb]' -e 'packages/pahcl-core[export,plot,search]' -e apps/cli
	@touch $@

demo: $(INSTALLED) ## set up, then go from synthetic heart sounds to a scored model
	$(BIN)/pahcl demo

test: $(INSTALLED) ## set up, then run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

# The adapters of pahcl-track run against the real libraries, which nothing else here needs; the
# settings in pyproject.toml call for plugins that are not installed there.
test-adapters: $(ADAPTERS_VENV)/.installed ## test the adapters with Lightning and Accelerate
	OMP_NUM_THREADS=1 $(ADAPTERS_VENV)/bin/python -m pytest \
		-o addopts=--import-mode=importlib tests/adapters

$(ADAPTERS_VENV)/.installed: constraints.txt constraints-adapters.txt \
		packages/pahcl-track/pyproject.toml
	$(PYTHON) -m venv $(ADAPTERS_VENV)
	$(ADAPTERS_VENV)/bin/python -m pip install --quiet -c constraints.txt 'pip>=25.3' $(PIP_ARGS)
	$(ADAPTERS_VENV)/bin/python -m pip install --quiet $(PINS) -c constraints-adapters.txt \
		$(PIP_ARGS) pytest torch lightning accelerate -e packages/pahcl-track
	@touch $@

# With the versions at both ends of what is allowed, not only at those that are pinned. PyTorch is
# pinned in both: other versions come from PyPI with CUDA alone.
TESTERS := pytest pytest-mock pytest-xdist hypothesis beartype soundfile hatchling
EVERYTHING := -e 'packages/pahcl-track[wandb]' -e 'packages/pahcl-core[export,flac,plot,search]' \
	-e apps/cli

test-lowest: $(LOWEST_VENV)/.installed ## run the quick tests with the lowest versions allowed
	OMP_NUM_THREADS=1 $(LOWEST_VENV)/bin/python -m pytest $(VERSIONS_ARGS)

$(LOWEST_VENV)/.installed: constraints-lowest.txt $(PROJECTS)
	$(PYTHON) -m venv $(LOWEST_VENV)
	$(LOWEST_VENV)/bin/python -m pip install --quiet -c constraints.txt 'pip>=25.3' $(PIP_ARGS)
	$(LOWEST_VENV)/bin/python -m pip install --quiet -c constraints-lowest.txt $(PIP_ARGS) \
		$(TESTERS) $(EVERYTHING)
	@touch $@

test-newest: $(NEWEST_VENV)/.installed ## run the quick tests with the newest versions there are
	OMP_NUM_THREADS=1 $(NEWEST_VENV)/bin/python -m pytest $(VERSIONS_ARGS)

$(NEWEST_VENV)/.installed: $(PROJECTS)
	$(PYTHON) -m venv $(NEWEST_VENV)
	$(NEWEST_VENV)/bin/python -m pip install --quiet --upgrade pip $(PIP_ARGS)
	$(NEWEST_VENV)/bin/python -m pip install --quiet --upgrade $(PIP_ARGS) \
		"$$(grep '^torch==' constraints.txt)" $(TESTERS) $(EVERYTHING)
	@touch $@

check-licences: $(INSTALLED) ## list the licence of all that an installation brings
	$(BIN)/python scripts/licences.py

audit: $(AUDIT_VENV)/.installed ## ask PyPI whether a pinned version is known to be vulnerable
	$(AUDIT_VENV)/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

$(AUDIT_VENV)/.installed:
	$(PYTHON) -m venv $(AUDIT_VENV)
	$(AUDIT_VENV)/bin/python -m pip install --quiet $(PIP_ARGS) pip-audit
	@touch $@

dependencies: $(INSTALLED) ## write docs/dependencies.md anew
	$(BIN)/python scripts/dependencies.py

campaign: $(INSTALLED) ## do all harm that is known of, count, and write docs/reliability.md
	$(BIN)/python scripts/campaign.py $(CAMPAIGN_ARGS)

check: $(CHECKS) ## formatting, lint, types, and which module may import which

check-format: $(INSTALLED)
	$(BIN)/ruff format --check .

check-lint: $(INSTALLED)
	$(BIN)/ruff check .

check-types: $(INSTALLED)
	$(BIN)/mypy

check-imports: $(INSTALLED)
	$(BIN)/lint-imports

format: $(INSTALLED) ## rewrite the files as the checks want them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED) ## build the pages of docs/ into docs/_build/html; a warning fails
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "docs/_build/html/index.html"

figures: $(INSTALLED) ## draw the README's pictures again, from synthetic patients
	$(BIN)/python scripts/first_run_figure.py docs/figures/first-run.svg
	$(BIN)/python scripts/sound_figures.py docs/figures

bench: $(INSTALLED) ## run every benchmark; fails when one misses its budget
	@missed=''; for script in benchmarks/[!_]*.py; do \
		echo "== $$script"; $(BIN)/python "$$script" || missed="$$missed $$script"; \
	done; \
	if [ -n "$$missed" ]; then echo "over budget or failed:$$missed" >&2; exit 1; fi

results: $(INSTALLED) ## train everything on real recordings, and write docs/results.md
	@test -n "$$PAHCL_REAL_DATA" || { \
		echo "PAHCL_REAL_DATA must name a folder with circor/, physionet2016/ and pascal/" >&2; exit 1; }
	$(BIN)/pahcl batch benchmarks/results.toml --jobs $(JOBS) \
		--data "circor=$$PAHCL_REAL_DATA/circor" --data "pascal=$$PAHCL_REAL_DATA/pascal" \
		--data "physionet2016=$$PAHCL_REAL_DATA/physionet2016"
	$(BIN)/python scripts/results.py outputs/results docs/results.md

models: $(INSTALLED) ## train the models that come with the package, and their cards
	@test -n "$$PAHCL_REAL_DATA" || { \
		echo "PAHCL_REAL_DATA must name a folder with circor/, physionet2016/ and pascal/" >&2; exit 1; }
	$(BIN)/python scripts/train_shipped_models.py "$$PAHCL_REAL_DATA"

clean: ## remove the environments and the tools' caches
	rm -rf $(VENV) $(ADAPTERS_VENV) $(LOWEST_VENV) $(NEWEST_VENV) $(AUDIT_VENV) \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		docs/_build docs/api
