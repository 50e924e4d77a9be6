# Two commands: `make run` (set-up, models, keys, demo, chat in the browser) and `make test` (everything CI runs).
PYTHON ?= $(firstword $(foreach p,python3.12 python3.11 python3.13 python3,$(shell $(p) -c 'import sys; print(sys.executable if (3,11) <= sys.version_info[:2] <= (3,13) else "")' 2>/dev/null)))
STATE ?= state
EVAL ?= tests/data/eval
HOST ?= 127.0.0.1
PORT ?= 8000
HUISCLOS = .venv/bin/huisclos
export HUISCLOS_STATE = $(STATE)
export HUISCLOS__SERVER__HOST = $(HOST)
export HUISCLOS__SERVER__PORT = $(PORT)

.PHONY: run install test lint demo-reset eval environment environment-dev browser clean
.NOTPARALLEL:

run: install
	@$(HUISCLOS) demo
	@exec $(HUISCLOS) serve

install: environment
	@$(HUISCLOS) models pull

environment:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 found: install one, or run make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) deploy/install.py

environment-dev:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 found: install one, or run make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) deploy/install.py --dev

demo-reset: environment
	@$(HUISCLOS) demo --reset

test: environment-dev browser lint
	@$(HUISCLOS) models pull --for-tests
	.venv/bin/python -m pytest

lint: environment-dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -qq -y chromium; } || \
	{ echo "the browser tests need Chromium: install it (sudo apt install chromium), then run make test again"; exit 1; }

eval: environment
	@.venv/bin/python -m bench.evaluation $(EVAL)

bench-%: environment
	@.venv/bin/python -m bench.$*

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
