# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Modules are compiled when they are first used: that keeps 40 MB off the disk.
PIP_OPTIONS := --quiet --disable-pip-version-check --no-compile

.PHONY: demo test check format test-train clean

## Install what a user gets, then run the main job on the sample clip (no GPU, no window).
demo: $(VENV)/.base
	mkdir -p out
	$(BIN)/scr-live run --source assets/sample_videos/phantom.mp4 --record out/demo.mp4 --stats out/demo.json --no-display --force
	@echo "The annotated recording is out/demo.mp4; the figures of the run are in out/demo.json."

## Install the development tools too, then run the tests. Those of the training code need `make test-train`.
test: $(VENV)/.dev
	$(BIN)/pytest

## Formatting, lint, types.
check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## All tests, those of network, training and export included: installs torch.
test-train: $(VENV)/.train
	$(BIN)/pytest

clean:
	rm -rf $(VENV) out build dist

$(VENV)/.base: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "scr-live needs Python 3.11 or newer, this is %d.%d; name one with: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_OPTIONS) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(BIN)/python -m pip install $(PIP_OPTIONS) --editable '.[dev]'
	touch $@

$(VENV)/.train: $(VENV)/.dev
	$(BIN)/python -m pip install $(PIP_OPTIONS) --editable '.[dev,train,export]'
	touch $@
