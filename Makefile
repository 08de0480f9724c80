# Two commands do everything on a fresh machine: `make run` and `make test`. Bare `make` = test + lint.
PYTHON ?= python3
DATA ?= data
BIN := .venv/bin

.PHONY: all run test lint format bench sbom screenshots reference lock ready dev clean

all: test lint

# The first time, the model is tuned for this machine; should that fail, it is served as it is.
run: ready
	-@$(BIN)/appliance model tune --quick --apply --if-needed --data $(DATA)
	$(BIN)/appliance serve --data $(DATA)

test: dev
	$(BIN)/pytest
	$(BIN)/pytest --postgresql tests/audit tests/chat tests/completions tests/identity tests/storage

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/sizes.py
	$(BIN)/python tools/reference.py --check

format: dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What to measure: make bench WHAT='chats-16 greedy --rounds 5'; docs/performance.md says what there is.
bench: dev
	$(BIN)/python -m benchmarks $(WHAT)

# What an installation consists of, as CycloneDX JSON in dist/sbom.json: packages, model, llama.cpp.
sbom: dev
	$(BIN)/python tools/sbom.py

# The ten main pages at three widths in both themes, into docs/screenshots.
screenshots: dev
	$(BIN)/pytest tests/browser/test_gallery.py --screenshots

# The parts of docs/ that are written from the sources: policies, commands, settings, modules.
reference: dev
	$(BIN)/python tools/reference.py

ready:
	@$(PYTHON) tools/setup_env.py run

dev:
	@$(PYTHON) tools/setup_env.py dev

# Renews the lock files from pyproject.toml; needs `uv`. The files carry hashes and no registry addresses.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet
lock:
	$(LOCK) --group build --output-file requirements/build.lock
	$(LOCK) pyproject.toml --output-file requirements/run.lock
	$(LOCK) pyproject.toml --group dev --constraint requirements/run.lock --output-file requirements/dev.lock

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
