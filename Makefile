# On a new machine, `make demo` and `make test` work at once: each builds .venv first.
PORT ?= 8000
PYTHONS := python3.13 python3.12 python3.11 python3
# The embedded database, which the demo and the tests run on, has no release for a later Python than 3.13.
# A candidate counts only if it runs, has one of these versions and can make environments.
USABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
BIN := .venv/bin
PAGES := gateway/pages
BUNDLE := $(PAGES)/dist/graphiql.html
SOURCES := $(wildcard $(addprefix $(PAGES)/, *.html *.json *.ts src/*))
# Some systems have no `timeout`; npm has limits of its own, in the command below.
LIMIT := $(if $(shell command -v timeout),timeout 180)

.PHONY: demo pages check test fuzz test-all soak attacks lint bench lock release clean .venv

demo: .venv
	@! command -v npm >/dev/null || $(LIMIT) $(MAKE) --silent pages 2>/dev/null || \
	  echo 'The browser pages could not be bundled; make pages shows why.'
	@[ -e $(BUNDLE) ] || \
	  echo 'Without the bundle, GraphiQL comes from a CDN, and the REST documentation is left out.'
	@$(BIN)/promo-gateway demo --port $(PORT)

# Bundles GraphiQL and the REST documentation, so that browsers load nothing from elsewhere. Needs Node.
pages: $(BUNDLE)

$(BUNDLE): $(SOURCES)
	@echo 'Installing the packages of the browser pages (once)…'
	@npm --prefix $(PAGES) ci --omit=dev --loglevel=error --fetch-retries=0 --fetch-timeout=20000 >/dev/null
	@echo 'Bundling GraphiQL and the REST documentation (once)…'
	@npm --prefix $(PAGES) run --silent build

# Every test that needs neither a database nor a process.
check: lint
	$(BIN)/pytest -m "not slow and not external"

test: lint
	$(BIN)/pytest -m "not slow"

fuzz: .venv
	GATEWAY_FUZZ_EXAMPLES=2000 $(BIN)/pytest tests/gateway/test_fuzz.py

test-all: lint
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered
	GATEWAY_TEST_DRIVER=pymongo $(BIN)/pytest -m "not slow"

# Mixed load from clients that disconnect; fails if the gateway keeps anything of their requests. Takes 11 minutes.
soak: .venv
	$(BIN)/python -m bench.soak

# Writes its figures to docs/bench; fails if a bound does not hold. Takes seven minutes.
attacks: .venv
	$(BIN)/python -m bench.attacks --out docs/bench/attacks.json

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Writes its figures to docs/bench.
bench: .venv
	$(BIN)/python -m bench.load --out docs/bench/load.json
	$(BIN)/python -m bench.growth

.venv: .venv/complete

.venv/complete: requirements.lock pyproject.toml
	@python=; for candidate in $(PYTHONS); do \
	  if $$candidate -c '$(USABLE)' 2>/dev/null; then python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then \
	  echo 'The demo and the tests need Python 3.11, 3.12 or 3.13 with venv and ensurepip; looked for: $(PYTHONS)' >&2; exit 1; fi; \
	echo "Building .venv with $$python (once)…"; \
	rm -rf .venv && $$python -m venv .venv
# The lock is complete. If pip resolved the dependencies again, it could choose versions that are not locked.
	@{ $(BIN)/pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock || \
	  echo Failed; } | { count=0; while read -r word rest; do case $$word in \
	    Collecting) count=$$((count + 1)); [ $$((count % 20)) -ne 0 ] || echo "  $$count packages downloaded" ;; \
	    Installing) echo "  installing $$count packages" ;; \
	    Failed) exit 1 ;; esac; done; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# A lock has versions and hashes for every Python from 3.11 and every platform. The lock of the image has no
# extras.
COMPILE := uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate \
  --python-version 3.11
lock:
	$(COMPILE) --all-extras -o requirements.lock
	$(COMPILE) --constraint requirements.lock -o deploy/requirements.lock

# Wheel, source archive and text of a release in dist/, tried in an empty environment. Tags nothing.
release: .venv pages
	PORT=$(PORT) sh deploy/release.sh $(BIN)/python

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage dist \
	  $(PAGES)/dist $(PAGES)/node_modules tests/browser/node_modules
