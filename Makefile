# `make run` sets up and serves; `make test` runs everything CI runs. `make help` lists the rest.
PYTHON ?= $(firstword $(foreach p,python3.12 python3.11 python3.13 python3,$(shell $(p) -c 'import sys; print(sys.executable if (3,11) <= sys.version_info[:2] <= (3,13) else "")' 2>/dev/null)))
STATE ?= state
WORKERS ?= 2
HUISCLOS = .venv/bin/huisclos
export HUISCLOS_STATE = $(STATE)

.PHONY: help run install fuzz test checks lint demo-reset environment environment-dev chromium postgresql dovecot eval lock clean
.NOTPARALLEL:

run: install  ## set up what is missing, make the demo the first time, serve until Ctrl-C
	@$(HUISCLOS) serve --demo

install: environment  ## set up alone: environment, engine, weights
	@$(HUISCLOS) models pull

test: lint chromium postgresql dovecot  ## everything CI runs: format, lint, types, import contracts, docs, tests in a browser too; WORKERS=1 for one process
	@$(HUISCLOS) models pull --for-tests
	.venv/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: environment-dev  ## format, lint, types, import contracts
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

demo-reset: install  ## start the demo over; refused when the state folder holds anything else
	@$(HUISCLOS) demo --reset

eval: install  ## make eval EVAL=DIR: answers, citations, refusals, retrieval (docs/evaluation.md)
	@test -n "$(EVAL)" || { echo "name the folder of documents and questions: make eval EVAL=DIR"; exit 2; }
	.venv/bin/python -m bench.evaluation "$(EVAL)" $(ARGS)

bench-%: install  ## make bench-NAME: one measurement against its baseline (docs/benchmarks.md)
	@test -f bench/$(subst -,_,$*).py || { echo "no bench of that name; bench/ has: $$(cd bench && echo *.py)"; exit 2; }
	.venv/bin/python -m bench.$(subst -,_,$*) $(ARGS)

fuzz: environment-dev  ## make fuzz SECONDS=60 FORMATS="xls doc": mutated files for each reader, guided by coverage
	.venv/bin/python -m tests.fuzz $(FORMATS) --seconds $(or $(SECONDS),60) $(ARGS)

environment:
	@$(need-python)
	@"$(PYTHON)" deploy/install.py

environment-dev:
	@$(need-python)
	@"$(PYTHON)" deploy/install.py --dev

chromium postgresql dovecot: environment-dev
	@.venv/bin/python deploy/programs.py $@

lock: environment  ## resolve deploy/requirements/*.in again into hashed *.txt, from the package index
	@.venv/bin/python deploy/lock.py $(ARGS)

clean:  ## remove what can be made again; the state folder stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

help:
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 16

define need-python
test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 found: install one (Debian: apt install python3 python3-venv), or run make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
endef
