# Everything happens in virtual environments below this folder; PYTHON makes them.
PYTHON ?= python3
VENV := .venv
LOADER := .venv-target-jsonl
PEER := .venv-peer
NOX := .venv-nox
E2E := .venv-e2e
E2E_TOOLS := $(patsubst tests/e2e/requirements/%.txt,$(E2E)/%/.installed,$(wildcard tests/e2e/requirements/*.txt))
PEER_WRITER := .venv-peer-writer
MUTATION := .venv-mutation
DAGSTER := .venv-dagster

.PHONY: demo dagster test check soak mutation bench bench-accounts versions e2e postgresql definitions docs picture clean

demo: $(VENV)/.installed $(LOADER)/.installed
	$(VENV)/bin/python examples/demo.py --loader $(LOADER)/bin/target-jsonl

# Accounts on emulators, PostgreSQL and Dagster: a backfill of them all. Stops what it started. The picture of the page:
# make dagster ACCOUNTS=8 REVOKED=1 PICTURE=docs/assets/dagster.png, for which Chromium has to be there.
dagster: ACCOUNTS ?= 24
dagster: REVOKED ?= 0
dagster: $(VENV)/.test-installed $(DAGSTER)/.installed $(E2E)/target-postgres/.installed postgresql
	$(VENV)/bin/python examples/dagster/demo.py --accounts $(ACCOUNTS) --revoked $(REVOKED) $(if $(PICTURE),--picture $(PICTURE))

test: check
	$(VENV)/bin/pytest --numprocesses 3

check: $(VENV)/.test-installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# About twenty minutes; CRASHES=1000 and STEPS=1000000 take longer.
soak: CRASHES ?= 200
soak: STEPS ?= 100000
soak: RUNS ?= 200
soak: $(VENV)/.test-installed
	SOAK_CRASHES=$(CRASHES) SOAK_STEPS=$(STEPS) SOAK_RUNS=$(RUNS) $(VENV)/bin/pytest --numprocesses 2 tests/pair tests/model \
		tests/tap/test_soak.py tests/tap/test_any_attribute.py tests/tap/test_stream_failures.py

# Does a test notice if the code is broken? Ten minutes to find which tests call what, and ten for each package.
mutation: PACKAGE ?= mapping records scheduling ledger
mutation: SAMPLE ?= 50
mutation: $(VENV)/.test-installed $(MUTATION)/.installed
	$(VENV)/bin/python tests/mutation/mutate.py $(PACKAGE) --tools $(MUTATION)/bin --sample $(SAMPLE)

# About ten minutes; QUICK=1 takes three, to see that it works. ONLY=tap and ONLY=target measure one.
bench: $(VENV)/.installed $(PEER)/.installed $(PEER_WRITER)/.installed
	$(VENV)/bin/python -m benchmarks --peer $(PEER)/bin/python \
		--peer-writer $(PEER_WRITER)/bin/python $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

# 4 and 24 accounts through a shell loop and through Dagster. About fifteen minutes; ACCOUNTS="2" is quicker.
bench-accounts: ACCOUNTS ?= 4 24
bench-accounts: $(VENV)/.test-installed $(DAGSTER)/.installed $(E2E)/target-postgres/.installed postgresql
	$(VENV)/bin/python benchmarks/many_accounts.py --accounts $(ACCOUNTS)

# Every test on every Python from 3.10 to 3.13 that this machine has, also those that pyenv made.
versions: $(NOX)/.installed
	PATH="$$PATH$$(printf ':%s' $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.1[0-3].*/bin)" $(NOX)/bin/nox $(if $(ONLY),-- $(ONLY))

# The pair among those it works with: Meltano, Dagster, PostgreSQL, other taps and targets. About eight minutes, two
# of them for what it installs.
e2e: $(VENV)/.test-installed $(DAGSTER)/.installed $(LOADER)/.installed $(PEER)/.installed $(E2E_TOOLS) postgresql
	$(VENV)/bin/pytest tests/e2e --durations=5

postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && apt-get install -qq --no-install-recommends postgresql; \
	else echo "make e2e needs PostgreSQL's server (initdb): install it, on Debian with apt-get install postgresql" >&2; exit 1; fi

# After a setting was added: what Meltano is told of the plugins.
definitions: $(VENV)/.test-installed
	$(VENV)/bin/python docs/hub/definitions.py

# The site, into site/: open site/index.html.
docs: $(VENV)/.test-installed
	$(VENV)/bin/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

# The run that the README shows, after what a run prints was changed.
picture: $(VENV)/.installed
	$(VENV)/bin/python examples/picture.py docs/run.svg

clean:
	rm -rf $(VENV) $(LOADER) $(PEER) $(PEER_WRITER) $(E2E) $(NOX) $(MUTATION) $(DAGSTER) .venv-versions demo-output bench-output site build dist *.egg-info

$(VENV)/.installed: setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "$(PYTHON) is older than Python 3.10: run make with PYTHON=/path/to/a/newer/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[emulator]'
	touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

# Singer plugins pin their dependencies, so each lives in an environment of its own.
$(LOADER)/.installed:
	$(PYTHON) -m venv $(LOADER)
	$(LOADER)/bin/pip install --quiet --disable-pip-version-check target-jsonl==0.1.4
	touch $@

$(NOX)/.installed:
	$(PYTHON) -m venv $(NOX)
	$(NOX)/bin/pip install --quiet --disable-pip-version-check nox==2026.10.20
	touch $@

$(MUTATION)/.installed: tests/mutation/requirements.txt
	$(PYTHON) -m venv $(MUTATION)
	$(MUTATION)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(DAGSTER)/.installed: examples/dagster/requirements.txt
	$(PYTHON) -m venv $(DAGSTER)
	$(DAGSTER)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(PEER)/.installed: benchmarks/peer-requirements.txt
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(E2E)/%/.installed: tests/e2e/requirements/%.txt
	$(PYTHON) -m venv $(E2E)/$*
	$(E2E)/$*/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(PEER_WRITER)/.installed: benchmarks/peer-writer-requirements.txt
	$(PYTHON) -m venv $(PEER_WRITER)
	$(PEER_WRITER)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@
