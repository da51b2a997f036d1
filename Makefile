# Two commands for a fresh machine: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check docs lock clean

demo: $(VENV)/sim
	$(BIN)/second-skin demo

# How often a failed test of running processes is tried again: a host that takes the processors away for a tenth of a
# second fails them. Each such try is told in the summary; a defect fails them all. `make test RERUNS=0` tries none again.
RERUNS ?= 2

# The laboratory's tests side by side; those of the real-time parts alone, as they measure order and time.
test: check
	$(BIN)/python -m pytest tests/models --numprocesses auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest --ignore tests/models --reruns $(RERUNS) --rerun-show-tracebacks -rR
	$(BIN)/python -m pytest tests/device --suit emulated --minutes 0.2 --reruns $(RERUNS) --rerun-show-tracebacks -rR

check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The site, in build/site; Python 3.11 or later.
docs: $(VENV)/docs
	$(BIN)/python docs/making/messages.py
	$(BIN)/mkdocs build --strict

$(VENV)/docs: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[docs]'
	@touch $@

$(VENV)/sim: pyproject.toml constraints.txt setup.py $(wildcard native/*) | $(BIN)/python
	$(INSTALL) --editable '.[sim]'
	@touch $@

# torch by itself and first, so that a machine that holds a CPU build of this version uses it.
$(VENV)/dev: pyproject.toml constraints.txt setup.py $(wildcard native/*) | $(BIN)/python
	$(INSTALL) torch==2.13.0
	$(INSTALL) --editable '.[sim,lab,sweep,opensim,dashboard,bridges,docs,fleet,dev]'
	@touch $@ $(VENV)/sim $(VENV)/docs

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 to 3.13 is needed, this is " + sys.version) if not (3, 10) <= sys.version_info[:2] <= (3, 13) else 0'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "no virtual environment could be made: on Debian and Ubuntu, apt install python3-venv"; exit 1; }

# Fresh versions of everything; pymscl's newer wheels ask for a newer C library than JetPack 6 and Debian 12 have.
lock:
	echo 'pymscl==68.4.5' > $(VENV)/pins.txt
	$(BIN)/python -m pip install --quiet uv
	echo '# Every version that the set-up installs, for Python 3.10 to 3.13. Made by `make lock`; change pyproject.toml, not this file.' > constraints.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.10 --no-emit-index-url --no-annotate --no-header \
		--constraint $(VENV)/pins.txt --extra sim --extra lab --extra dev --extra sweep --extra peers --extra opensim --extra dashboard --extra bridges --extra docs --extra fleet pyproject.toml >> constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info jetson_runtime/inference/engines/_native*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
