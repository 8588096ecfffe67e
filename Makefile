# One command a job; each sets up what it needs. Wants Python ≥ 3.11, pip and make.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEV    := $(VENV)/.ready-dev
BENCH  := $(VENV)/.ready-bench
# Bytecode is made by all cores at once; pip would make it with one, that of every package's tests included.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
COMPILE := $(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
# A file of tests stays in one process, so that what its tests share is made once; each process holds a torch (1 GB).
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

.PHONY: help demo test test-all test-networks test-trainers test-ray fuzz lint types unit bench calibrate browser clean

help:
	@echo "make demo      install into $(VENV), run the demo study, print the path of report.html"
	@echo "make test      install into $(VENV), then format, lint, types, doctests and tests"
	@echo "make test-all  the same and the slow tests"
	@echo "make test-networks  compare and inspect with three dozen networks of torchvision and timm (an hour)"
	@echo "make test-trainers  the recorder in Lightning and in the Trainer of transformers, which this installs"
	@echo "make test-ray  studies on Ray clusters of this machine, and on an S3 server of it; installs both"
	@echo "make fuzz      read 10,000 mutated files: no traceback, no hang, no code run"
	@echo "make bench     timings against other packages, as ratios"
	@echo "make calibrate simulate every rule, write docs/calibration.md (half an hour)"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, this is %d.%d; try make PYTHON=python3.12 …" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e .
	@$(COMPILE)
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[dev]'
	@$(COMPILE)
	@touch $@ $(READY)

$(BENCH): $(DEV)
	$(INSTALL) -e '.[dev,bench]'
	@$(COMPILE)
	@touch $@

demo: $(READY)
	$(BIN)/transferscope demo --out demo-report

# The report is tested in a real browser. A container that runs as root gets one; elsewhere the test says what it lacks.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; } || \
	  echo "note: no Chromium found; the browser test of the report is skipped"

lint: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(DEV)
	$(BIN)/mypy

unit: $(DEV) browser
	$(PYTEST) -m "not slow"

# Types are checked by one process while the tests, of which there is one a core, begin.
test: lint
	@$(MAKE) --no-print-directory -j2 types unit

test-all: lint types browser
	$(PYTEST) -m "not networks"

test-networks: $(DEV)
	$(PYTEST) --dist load -v -m networks

test-trainers: $(DEV)
	$(INSTALL) -e '.[dev,lightning,huggingface]'
	$(BIN)/python -m pytest tests/train/test_lightning.py tests/train/test_huggingface.py

test-ray: $(DEV)
	$(INSTALL) -e '.[dev,ray,s3]' \
	  moto flask flask-cors py-partiql-parser  # of moto's server the part for S3
	$(BIN)/python -m pytest tests/study/test_ray.py tests/store/test_s3.py

fuzz: $(DEV)
	$(BIN)/python -m fuzz --files 10000

bench: $(BENCH)
	$(BIN)/python -m bench

calibrate: $(DEV)
	$(BIN)/python -m calibrate

clean:
	rm -rf $(VENV) demo-report .mypy_cache .pytest_cache .ruff_cache build
