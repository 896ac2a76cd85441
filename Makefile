# `make` lists what there is. A fresh machine needs git, make and Python 3.11 or newer; everything else goes into .venv.

VENV := .venv/bin
INSTALLED := .venv/installed
CHECKS := "ruff check" "ruff format --check" "mypy" "lint-imports" $(if $(wildcard $(VENV)/hadolint),"hadolint Dockerfile")
# Only where Docker with its compose plugin is: elsewhere tests/unit/test_deployment.py reads the same file.
COMPOSE := $(shell docker compose version > /dev/null 2>&1 && echo yes)

# How many tests run at once. Two workers have servers of their own; a third one runs while they wait, see
# tests/workers.py.
WORKERS ?= 3
# Says at the end which tests took longest.
PYTEST = $(VENV)/python -m pytest -n $(WORKERS) --durations=20 --durations-min=2
# Tests start hundreds of programs: with their bytecode kept, each starts faster.
unexport PYTHONDONTWRITEBYTECODE

LOCK = $(VENV)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help setup demo example serve test test-long test-production check fix lock bench bench-production bench-questions bench-sdk bench-quick secrets clean
.DELETE_ON_ERROR:

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile

setup: $(INSTALLED)  ## make .venv with the locked versions (PYTHON=... chooses the interpreter)

$(INSTALLED): pyproject.toml constraints.txt scripts/setup
	@PYTHON="$(PYTHON)" scripts/setup

demo: setup  ## start a service in a fresh folder, import this repository's history, trace its newest commit, stop
	@$(VENV)/provgraph demo

example: setup  ## run the worked example of docs/worked-example.md, and compare its answers with those written there
	@$(VENV)/python docs/example/run.py

serve: setup  ## run the service at http://127.0.0.1:8082 on the data folder ./data until Ctrl-C
	@$(VENV)/provgraph serve

test: setup  ## run every test (ARGS='-k words' chooses some)
	@$(PYTEST) $(ARGS)

test-long: setup  ## run every test, with hundreds of kills, thousands of examples and large histories: before work is called done
	@PROVGRAPH_TEST_LONG=1 $(PYTEST) --timeout=3000 $(ARGS)

test-production: setup  ## run the end-to-end tests on PostgreSQL and Neo4j (PAIR=postgresql-embedded is another pair)
	@PROVGRAPH_TEST_PAIR=$(or $(PAIR),postgresql-neo4j) $(PYTEST) -n 2 tests/e2e $(ARGS)

bench-production: setup  ## measure PostgreSQL and Neo4j beside bare drivers (ARGS are passed on)
	@$(VENV)/python -m bench.production $(ARGS)

check: setup  ## format nothing, report everything: ruff, mypy, import contracts
	@failed=; for tool in $(CHECKS); do echo "== $$tool"; $(VENV)/$$tool || failed="$$failed [$$tool]"; done; $(if $(COMPOSE),echo "== docker compose config"; docker compose config --quiet || failed="$$failed [docker compose config]";) test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

fix: setup  ## repair what ruff can repair, and format
	@$(VENV)/ruff check --fix; $(VENV)/ruff format

lock: setup  ## write the constraints anew from pyproject.toml (ARGS=--upgrade takes newer versions)
	@$(LOCK) --all-extras --group dev -o constraints.txt
	@$(LOCK) --extra server --extra infrahub --group build -c constraints.txt -o constraints-server.txt

bench: setup  ## measure the speed beside plain SQLite, in the same run (ARGS are passed on)
	@$(VENV)/python -m bench $(ARGS)

bench-questions: setup  ## measure the questions on large and small graphs (ARGS are passed on)
	@$(VENV)/python -m bench.questions $(ARGS)

bench-sdk: setup  ## measure the client beside Record Keeper's own (ARGS are passed on)
	@$(VENV)/python -m bench.sdk $(ARGS)

bench-quick: setup  ## run a little of every benchmark, every row of it: do they still work?
	@$(VENV)/python -m bench.quick

secrets:  ## make the passwords that docker-compose.yml reads, in ./secrets, unless they are there
	@scripts/secrets

clean:  ## remove .venv and every cache; ./data stays
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache; find . -name __pycache__ -type d -prune -exec rm -rf {} +
