# Two commands on a fresh machine: `make demo` and `make test`. Each makes .venv by itself, once.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CHROMIUM := (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium) >/dev/null 2>&1
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint bench clean
.DELETE_ON_ERROR:

$(VENV)/.base: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) torch==2.13.0
	touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.base
	$(INSTALL) -e ".[demo,track]"
	touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.base
	$(INSTALL) -e ".[test,lint]"
	@command -v chromium >/dev/null || $(CHROMIUM) || echo "no chromium could be installed: the tests of the studio's pages will be skipped"
	touch $@

# A conditional generator of handwritten digits, from nothing to a report, in about five minutes on two cores.
demo: $(VENV)/.demo
	$(BIN)/sparring train dcgan --data digits --minutes 4.2 --run runs/demo-$$(date +%Y%m%d-%H%M%S) $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check src tests benchmarks

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.demo
	$(BIN)/python -m benchmarks.mixtures
	$(BIN)/python -m benchmarks.kill
	$(BIN)/python -m benchmarks.operators
	$(BIN)/python -m benchmarks.decode

clean:
	rm -rf $(VENV)
