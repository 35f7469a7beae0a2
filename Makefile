# Two commands do everything: `make demo` and `make test`. Both create .venv on first use and reuse it afterwards.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3 2>/dev/null))
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
USER_ID ?= 15
QUERY ?= space adventure
CONFORMANCE ?=
ZOO ?=
# Options of what `make area`, `pnr`, `timing`, `formal`, `mutate`, `gate-sim`, `fuzz` and `host-cost` run: AREA=--help lists them.
AREA ?=
PNR ?=
TIMING ?=
FORMAL ?=
MUTATE ?=
GATES ?=
FUZZ ?=
HOST_COST ?=
# Tests run in the order of this seed, over so many processes.
SEED ?= 1
JOBS ?= auto

.PHONY: demo test lint golden onnx-conformance zoo verify-full bench area pnr timing gate-sim formal mutate fuzz host-cost clean

demo: $(STAMP)
	$(BIN)/gatewright recommend --user $(USER_ID) $(if $(QUERY),--query "$(QUERY)") --backend rtl --config pynq-z2

test: lint
	$(BIN)/pytest -m "not slow" -n $(JOBS) --dist worksteal --randomly-seed=$(SEED) --benchmark-skip \
	    --junit-xml=junit.xml --cov=gatewright.spec --cov=gatewright.driver --cov=gatewright_sim.golden --cov-report=term
	$(BIN)/coverage report --include='*/gatewright/spec/*' --fail-under=90 --format=total
	$(BIN)/coverage report --include='*/gatewright/driver/*' --fail-under=90 --format=total
	$(BIN)/coverage report --include='*/gatewright_sim/golden/*' --fail-under=90 --format=total

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

golden: $(STAMP)
	$(BIN)/python -m gatewright_sim.golden.manifest

onnx-conformance: $(STAMP)
	$(BIN)/python -m gatewright.compiler.onnx_backend.conformance $(CONFORMANCE)

zoo: $(STAMP)
	$(BIN)/python -m gatewright_sim.zoo $(ZOO)

# The longest last; what takes chances at last of all.
verify-full: test golden onnx-conformance area pnr formal
	$(BIN)/pytest -m slow -s -p no:randomly --timeout 7200 --junit-xml=junit-slow.xml
	$(MAKE) mutate
	$(MAKE) fuzz

bench: $(STAMP)
	$(BIN)/pytest tests/bench --benchmark-only
	$(BIN)/gatewright bench simulator

area: $(STAMP)
	$(BIN)/python -m gatewright_hw.area $(AREA)

pnr: $(STAMP)
	$(BIN)/python -m gatewright_hw.pnr $(PNR)

gate-sim: $(STAMP)
	$(BIN)/python -m gatewright_sim.gates $(GATES)

timing: $(STAMP)
	$(BIN)/python -m gatewright_hw.timing $(TIMING)

formal: $(STAMP)
	$(BIN)/python -m gatewright_sim.formal $(FORMAL)

mutate: $(STAMP)
	$(BIN)/python -m gatewright_sim.mutation $(MUTATE)

fuzz: $(STAMP)
	$(BIN)/python -m gatewright_sim.fuzz $(FUZZ)

host-cost: $(STAMP)
	$(BIN)/python -m gatewright_sim.host_cost $(HOST_COST)

$(STAMP): pyproject.toml constraints.txt
	@sh .ci/check-tools "$(PYTHON)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing gatewright into $(VENV): one or two minutes on the first run"
	$(BIN)/pip install --disable-pip-version-check --progress-bar on -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis junit*.xml
