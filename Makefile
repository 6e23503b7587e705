# `make run` and `make test` need nothing but Python 3.11+, git and make: both set everything up first.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
ENGINE ?= docker
BASE ?= debian:bookworm-slim
# Debian keeps nginx and the Prometheus family where an ordinary user's PATH does not look.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
export PYTHON
bin := .venv/bin

.PHONY: help setup run test test-all lint types format lock docs deploy screenshots chaos detection bench bench-quick bench-vitals image clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## Make .venv, a browser and the test tools ready (again: does nothing)
	@scripts/setup

run: setup ## Start the demo ticket shop and the prober watching it
	@exec $(bin)/prober demo

test: lint types ## Lint, types and every test but the slow ones, whose short forms stay in
	$(bin)/pytest -m "not slow"

test-all: lint types ## Lint, types and every test there is, with more examples
	$(bin)/pytest --hypothesis-profile=thorough

lint: setup ## Lint and formatting
	$(bin)/ruff check
	$(bin)/ruff format --check

types: setup ## Strict types on prober/
	$(bin)/mypy

format: setup ## Format and mend what can be mended
	$(bin)/ruff check --fix
	$(bin)/ruff format

lock: setup ## Write the lock files anew (newer versions: make lock UPGRADE=--upgrade)
	@scripts/lock $(UPGRADE)

docs: setup ## Write the generated reference
	$(bin)/python scripts/reference.py
	$(bin)/python scripts/api_docs.py

deploy: setup ## Write deploy/ anew: what other systems need, for the shipped probes.yaml
	$(bin)/python scripts/deploy.py

screenshots: setup ## Take pictures of every page into docs/screenshots; look at them
	$(bin)/python scripts/screenshots.py

chaos: setup ## Kill the prober a hundred times, and hold what was told against what happened
	$(bin)/python bench/chaos.py

detection: setup ## Hold the time from an outage to its notice against the bound
	$(bin)/python bench/detection.py

bench: setup ## Measure cost, throughput, truth, start, scrape, memory, scale and growth; write docs/performance.md's table
	$(bin)/python bench/all.py

bench-quick: setup ## Run every bench shortly, to see that it works
	$(bin)/python bench/all.py --quick

bench-vitals: setup ## Hold the vitals against web-vitals and CDP on the fixture pages
	$(bin)/python bench/vitals.py

image: ## Build the container image (ENGINE=podman|buildah, BASE=another Debian image)
	$(ENGINE) build --build-arg BASE=$(BASE) -t prober .

clean: ## Remove what set-up and the tools made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/npm/node_modules dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
