# make demo [DATA=folder]   trains on real data and compares with scikit-learn
# make test                 style, types and all tests; .ci/run calls exactly this
# make docs                 the site of the documentation, in build/docs
# make fuzz [MINUTES=60] [SEED=0]   looks for cases in which something breaks; scripts of them go to build/fuzz/
# make bench                the benchmarks, printed and written to build/benchmarks.json
# make wheel                sdist, and wheel with compiled kernels, in dist/
# make check_wheel          installs that wheel in an empty environment: its first fit must compile nothing
# make check_installed [PYTHON=python3.13] [TESTS="tests/network -x"]    runs the tests with that wheel installed

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test fuzz bench docs wheel check_wheel check_installed

demo: .venv/installed
	$(BIN)/python examples/demo.py $(if $(DATA),--data $(DATA))

# Hundreds of tests start new processes, which need not compile the Python sources again. Types are checked beside the
# tests' start, while one core would wait.
test: export PYTHONDONTWRITEBYTECODE =
test: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy & types=$$!; \
	NUMBA_CACHE_DIR=build/cache/normal $(BIN)/python -m pytest -q -n auto --dist worksteal; tests=$$?; \
	wait $$types && exit $$tests

fuzz: .venv/installed-for-tests
	PYTHONPATH=.:tests NUMBA_CACHE_DIR=build/cache/normal $(BIN)/python -m fuzz \
	    --minutes $(or $(MINUTES),5) --seed $(or $(SEED),0)

bench: .venv/installed
	mkdir -p build
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	$(BIN)/python -m benchmarks --json build/benchmarks.json --chart build/benchmarks.png

# Warnings are errors; the examples of the gallery run; each link within the site leads somewhere.
docs: .venv/installed-for-docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs build/docs
	$(BIN)/python docs/extensions/check_links.py build/docs

# The kernels are compiled from what the sdist holds, where the wheel is built, too: a checkout never has any.
wheel: .venv/installed
	$(BIN)/python -m pip install --quiet build
	rm -rf build/wheel dist && mkdir -p build/wheel
	$(BIN)/python -m build --sdist --outdir dist . > build/wheel.log
	tar --extract --file dist/fastmlp-*.tar.gz --directory build/wheel --strip-components 1
	cd build/wheel && $(abspath $(BIN))/python -m fastmlp.prebuild fastmlp/prebuilt
	$(BIN)/python -m build --wheel --outdir dist build/wheel >> build/wheel.log

check_wheel:
	$(BIN)/python tests/helpers/check_wheel.py dist/fastmlp-*.whl

# In an environment and a folder in which there is no checkout.
check_installed:
	$(BIN)/python tests/helpers/check_installed.py dist/fastmlp-*.whl dist/fastmlp-*.tar.gz --python $(PYTHON) \
	    $(if $(TESTS),-- $(TESTS))

.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

# Without byte code, which takes as long as the installation: Python compiles the modules that are imported.
.venv/installed-for-tests: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[test]"
	touch $@ .venv/installed

.venv/installed-for-docs: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --editable ".[docs]"
	touch $@ .venv/installed
