# make lab    sets everything up and opens the lessons      make test   sets everything up and runs all tests
# make quick  sets everything up and runs the fast tests
#
# They need only Python 3.11 or newer and make. Variables, for example `make test PYTHON=python3.12 WORKERS=4`:
PYTHON ?= python3
VENV ?= .venv
# Versions to install; CONSTRAINTS= installs the newest that pyproject.toml allows.
CONSTRAINTS ?= constraints.txt
# Test processes, each with one thread.
WORKERS ?= 2
# For the tool that a target calls, for example `make notebooks ARGS="01 --execute"` or `make slides ARGS="02 07"`.
ARGS ?=
# For `make slides`: a folder with the packages of reveal.js and MathJax, if npm cannot fetch them.
REVEAL ?=

SHELL := /bin/bash
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) -e
NBVAL := $(BIN)/python -m pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=120 -n $(WORKERS) \
  --dist loadscope --no-loadscope-reorder

# Without nbval where no notebook is run: importing it takes each process two seconds.
PYTEST := $(BIN)/python -m pytest -p no:nbval

# The tests of files, downloads and votes, run as if on a system without fcntl, fork and the signals of Unix.
ON_WINDOWS := $(PYTEST) -p as_on_windows -n $(WORKERS) -q -m "not slow" $(addprefix tests/test_,$(addsuffix .py,\
  datasets download files images machines picture_kinds study upscaled_files upscaling votes))

.PHONY: help install lab test quick windows notebooks exercise pictures slides screenshots site lint clean
.DELETE_ON_ERROR:

help:
	@echo "make lab        set everything up and open the lessons in JupyterLab"
	@echo "make test       set everything up and run all tests and all notebooks"
	@echo "make quick      run the fast tests: a minute or two, to run after each change"
	@echo "make windows    run the tests of files as if on Windows, as far as this system can show it"
	@echo "make notebooks  build both editions of the lessons from notebooks/source"
	@echo "make exercise   begin an exercise, for example: make exercise ARGS='7 best_weight'"
	@echo "make slides     make a reveal.js deck of each lesson in build/slides; needs npm once"
	@echo "make screenshots  take pictures of the lessons in JupyterLab, in build/screenshots; needs a browser"
	@echo "make site       build the site in build/site: the lessons, and the page that enlarges your photo; needs npm once"
	@echo "make pictures   make the pictures of the README in docs/figures/front"
	@echo "make lint       check rules and format (ruff), types (mypy), and phrases at which native readers stumble"
	@echo "make install    only set up what the tests need"
	@echo "make clean      remove $(VENV), caches and build output"

# An existing environment is used if its Python is new enough.
$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "make: $(PYTHON) was not found. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is $$("$(PYTHON)" --version 2>&1); the course needs Python 3.11 or newer." >&2; \
	  echo "Name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	"$(PYTHON)" -m venv "$(VENV)"

# The stamps: written when the packages are installed, and out of date when the lists of packages change.
STAMPS := $(VENV)/.srgan-lessons-lab $(VENV)/.srgan-lessons-test $(VENV)/.srgan-lessons-site
$(VENV)/.srgan-lessons-lab: EXTRAS := notebooks,offline,export
$(VENV)/.srgan-lessons-test: EXTRAS := test
$(VENV)/.srgan-lessons-site: EXTRAS := test,site
$(STAMPS): pyproject.toml $(CONSTRAINTS) | $(BIN)/python
	@"$(BIN)/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(VENV) was created with $$("$(BIN)/python" --version 2>&1); the course needs Python 3.11 or newer." >&2; \
	  echo "Run: make clean, then make again with PYTHON=python3.12" >&2; exit 1; }
	@"$(BIN)/python" -c 'import shutil, sys; free = shutil.disk_usage(".").free / 1e9; sys.exit(free < 10 and "make: this \
	disk has %.1f GB left. With CUDA, the packages need 7 GB, and 10 while they are being installed. With a CPU-only torch, \
	3 GB are enough: see docs/where_to_run.md." % free)' || true
	$(PIP_INSTALL) ".[$(EXTRAS)]"
	@touch "$@"

install: $(VENV)/.srgan-lessons-test

lab: $(VENV)/.srgan-lessons-lab
	$(BIN)/srgan-lessons lab

notebooks: install
	$(BIN)/python tools/build_lessons.py $(ARGS)
	$(BIN)/python tools/teaching.py $(filter --check,$(ARGS))

exercise: install
	$(BIN)/python tools/new_exercise.py $(ARGS)

screenshots: install
	$(BIN)/python tools/screenshots.py $(ARGS)

slides: install
	$(BIN)/python tools/build_slides.py $(if $(REVEAL),--reveal "$(REVEAL)") $(ARGS)

# What the site uses from npm, with the versions and hashes of the lock file.
site/node_modules/.package-lock.json: site/package.json site/package-lock.json
	@command -v npm >/dev/null || { \
	  echo "make: npm was not found. It comes with Node.js: on Debian, apt-get install npm." >&2; exit 1; }
	npm ci --prefix site --no-audit --no-fund

# Runs the lessons that have changed; ARGS=--keep-outputs runs none; ARGS=--check also looks at the site in a browser.
site: $(VENV)/.srgan-lessons-site site/node_modules/.package-lock.json
	$(BIN)/python tools/build_site.py $(ARGS)

pictures: install
	$(BIN)/python tools/pictures.py $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/english.py

quick: install
	OMP_NUM_THREADS=1 $(PYTEST) -q -n $(WORKERS) -m "not slow" --ignore=tests/browser

windows: export PYTHONPATH := tests
windows: install
	OMP_NUM_THREADS=1 $(ON_WINDOWS)

# Types are checked only with the tested versions, because other versions of torch have other types.
# The lessons that take longest come last by name and are started first, so that no process waits at the end.
# The package's tests begin with the slow files, and those in a browser come first of all (tests/conftest.py). They get
# one process more than there are cores, because a test in a browser waits half of its time.
# All parts run, even if one has failed; the end shows the failed parts and the last line of each pytest run.
# Nothing stays in the system's temporary folder: what tests and lessons leave there is some 300 MB a run.
# Python keeps what it has compiled, also where the environment says otherwise: hundreds of processes import the package.
test: export PYTHONDONTWRITEBYTECODE :=
test: install
	@set -o pipefail; export OMP_NUM_THREADS=1; failed=; \
	export TMPDIR=$$(mktemp -d); chmod 755 "$$TMPDIR"; logs=$$TMPDIR; trap 'rm -rf "$$TMPDIR"' EXIT; \
	part() { name=$$1; shift; printf '\n--- %s\n' "$$name"; "$$@" 2>&1 | tee "$$logs/$$name" || failed="$$failed $$name"; }; \
	part rules $(BIN)/ruff check .; \
	part format $(BIN)/ruff format --check .; \
	$(if $(filter constraints.txt,$(CONSTRAINTS)),part types $(BIN)/mypy;) \
	part lessons env SRGAN_LESSONS_FAST=1 $(NBVAL) $$(ls -r notebooks/*.ipynb); \
	part solutions env SRGAN_LESSONS_FAST=1 SRGAN_LESSONS_STRICT=1 $(NBVAL) $$(ls -r notebooks/solutions/*.ipynb); \
	part windows env PYTHONPATH=tests $(ON_WINDOWS); \
	part package $(PYTEST) -n $$(($(WORKERS) + 1)) --dist loadscope --no-loadscope-reorder; \
	printf '\n--- summary\n'; [ -z "$$failed" ] || echo "failed:$$failed"; \
	for name in lessons solutions windows package; do echo "$$name"; tail -n 1 "$$logs/$$name"; done; \
	[ -z "$$failed" ]

clean:
	rm -rf "$(VENV)" .pytest_cache .ruff_cache .mypy_cache dist build site/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
