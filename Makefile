# make            set up .venv and run the whole workflow (ARGS passes anything on to snakemake)
# make test       set up .venv and run the tests
# make install    set up .venv alone
# make test-all   the slow tests too: both commands in a fresh clone, kill loops, a real Slurm
# make speedrun   ten minutes from a text to bits per byte (ARGS: see workflow/charmer/training/speedrun.py)
# make lint       what the pre-commit hooks and the CI check
# make lock       resolve the dependencies of pyproject.toml anew into requirements.lock
#
# PYTHON names the interpreter for .venv; by itself the first of these that is 3.11 to 3.13 and can make one:
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11 python; do \
	$$candidate -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo $$candidate && break; done)

BIN := .venv/bin
READY := .venv/ready
ARGS ?=

.DEFAULT_GOAL := run
.PHONY: run install test test-all speedrun lint lock

run: $(READY)
	@$(BIN)/snakemake --cores all $(ARGS)

install: $(READY)

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || (echo "error: no Python 3.11 to 3.13 with venv was found; install one (on Debian also the package" \
		"python3-venv), or name it: make PYTHON=/path/to/python3.12" >&2; exit 1)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(READY)

test: $(READY)  # three processes keep two cores busy: a third of the tests' time is waiting
	$(BIN)/python -m pytest -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-all: test
	$(BIN)/python -m pytest -m slow $(ARGS)

speedrun: $(READY)
	@OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m charmer.training.speedrun $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy

lock: $(READY)
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --upgrade --extra dev --extra workflow --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --output-file requirements.lock pyproject.toml
	sed -i.bak "s/^\(torch==[0-9.]*\)+cpu/\1/" requirements.lock && rm requirements.lock.bak  # the pin names no build
