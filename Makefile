# Everything happens in virtual environments below this folder; PYTHON makes them.
PYTHON ?= python3
VENV := .venv
LOADER := .venv-target-jsonl
PEER := .venv-peer
PEER_WRITER := .venv-peer-writer

.PHONY: demo test check bench clean

demo: $(VENV)/.installed $(LOADER)/.installed
	$(VENV)/bin/python examples/demo.py --loader $(LOADER)/bin/target-jsonl

test: check
	$(VENV)/bin/pytest --numprocesses 2

check: $(VENV)/.test-installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# About ten minutes; QUICK=1 takes two, to see that it works. ONLY=tap and ONLY=target measure one.
bench: $(VENV)/.installed $(PEER)/.installed $(PEER_WRITER)/.installed
	$(VENV)/bin/python -m benchmarks --peer $(PEER)/bin/python \
		--peer-writer $(PEER_WRITER)/bin/python $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

clean:
	rm -rf $(VENV) $(LOADER) $(PEER) $(PEER_WRITER) demo-output bench-output build dist *.egg-info

$(VENV)/.installed: setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "$(PYTHON) is older than Python 3.10: run make with PYTHON=/path/to/a/newer/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

# Singer plugins pin their dependencies, so each lives in an environment of its own.
$(LOADER)/.installed:
	$(PYTHON) -m venv $(LOADER)
	$(LOADER)/bin/pip install --quiet --disable-pip-version-check target-jsonl==0.1.4
	touch $@

$(PEER)/.installed: benchmarks/peer-requirements.txt
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(PEER_WRITER)/.installed: benchmarks/peer-writer-requirements.txt
	$(PYTHON) -m venv $(PEER_WRITER)
	$(PEER_WRITER)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@
