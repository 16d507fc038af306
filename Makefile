# `make demo` and `make test` work on a fresh machine: they create .venv and install envbench with everything in `all`.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

# Real data files for the tests and the demo; whoever has them elsewhere sets ENVBENCH_DATA.
ifneq ($(wildcard ../shared/data),)
export ENVBENCH_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test test-slow test-browser test-textworld test-alfworld test-trl lint figures clean

demo: $(INSTALLED)
	$(BIN)/python scripts/demo.py

test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto $(ARGS)

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -m slow $(ARGS)

# Pages in a real Chromium: the one of the system, or the one that $ENVBENCH_CHROMIUM names.
test-browser: $(INSTALLED)
	ENVBENCH_REQUIRE="browser $$ENVBENCH_REQUIRE" $(BIN)/python -m pytest -m "browser and not slow" -n auto $(ARGS)

# The real TextWorld package, in an environment of its own: it brings a compiler's work and older dependencies.
test-textworld: .venv-textworld/.installed
	ENVBENCH_REQUIRE=textworld .venv-textworld/bin/python -m pytest -n auto \
		tests/contract/test_textworld_conformance.py tests/envs/textworld $(ARGS)

.venv-textworld/.installed: pyproject.toml constraints.txt
	@command -v cc >/dev/null || { echo "TextWorld compiles a part of itself; install a C compiler, e.g. apt-get install gcc"; exit 2; }
	$(PYTHON) -m venv .venv-textworld
	.venv-textworld/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[textworld]' pytest pytest-socket pytest-xdist hypothesis
	@touch $@

# The original ALFWorld, played beside ours; it compiles a planner. `envbench bench` in there measures it, too.
test-alfworld: .venv-alfworld/.installed
	ENVBENCH_REQUIRE=alfworld .venv-alfworld/bin/python -m pytest tests/envs/alfworld/test_alfworld_original.py $(ARGS)

.venv-alfworld/.installed: pyproject.toml constraints.txt
	@command -v c++ >/dev/null || { echo "ALFWorld compiles its planner; install a C++ compiler, e.g. apt-get install g++"; exit 2; }
	$(PYTHON) -m venv .venv-alfworld
	.venv-alfworld/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[alfworld]' pytest pytest-socket pytest-xdist hypothesis
	@touch $@

# TRL's trainer with our episodes and credit, in an environment of its own.
test-trl: .venv-trl/.installed
	ENVBENCH_REQUIRE=trl .venv-trl/bin/python -m pytest tests/integrations tests/bench/test_bench_peers.py $(ARGS)

.venv-trl/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-trl
	.venv-trl/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[trl]' pytest pytest-socket pytest-xdist hypothesis
	@touch $@

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

figures: $(INSTALLED)
	$(BIN)/envbench figures --all --out build/figures

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "envbench needs Python 3.11 or newer; type: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all]'
	@touch $@

clean:
	rm -rf .venv .venv-textworld .venv-alfworld .venv-trl build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
