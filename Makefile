# Two commands: `make run` (set-up, models, keys, demo, chat in the browser) and `make test` (everything CI runs).
PYTHON ?= $(firstword $(foreach p,python3.12 python3.11 python3.13 python3,$(shell $(p) -c 'import sys; print(sys.executable if (3,11) <= sys.version_info[:2] <= (3,13) else "")' 2>/dev/null)))
STATE ?= state
HUISCLOS = .venv/bin/huisclos
export HUISCLOS_STATE = $(STATE)

.PHONY: run install test lint demo-reset environment environment-dev clean
.NOTPARALLEL:

run: install
	@$(HUISCLOS) demo
	@echo 'Ask it: .venv/bin/huisclos ask --collection demo "Mon employeur peut-il enregistrer mes appels ?"'
	@$(HUISCLOS) ask --collection demo --as camille "Mon employeur peut-il enregistrer mes appels ?"

install: environment
	@$(HUISCLOS) models pull

environment:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 found: install one, or run make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) deploy/install.py

environment-dev:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 found: install one, or run make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) deploy/install.py --dev

demo-reset: environment
	rm -rf "$(STATE)"
	@$(HUISCLOS) demo

test: lint
	@$(HUISCLOS) models pull --for-tests
	.venv/bin/python -m pytest

lint: environment-dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
