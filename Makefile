# make demo [DATA=folder]   trains on real data and compares with scikit-learn
# make test                 style, types and all tests; .ci/run calls exactly this
# make bench                the benchmarks, printed and written to build/benchmarks.json

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench

demo: .venv/installed
	$(BIN)/python examples/demo.py $(if $(DATA),--data $(DATA))

# Hundreds of tests start new processes, which need not compile the Python sources again.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	NUMBA_CACHE_DIR=build/cache/normal $(BIN)/python -m pytest -q -n auto --dist worksteal

bench: .venv/installed
	mkdir -p build
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	$(BIN)/python -m benchmarks --json build/benchmarks.json --chart build/benchmarks.png

.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-for-tests: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@ .venv/installed
