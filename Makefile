# The words here are the words in CI. Every target makes its own environment from the lock file when needed.
#   make demo    the main job on the embedded data
#   make test    all tests, slow ones too
#   make check   formatting, lint, types, imports
#   make bench   the figures of bench/RESULTS.md (an hour or two; wants the data folder: TIDEGATE_DATA, else ../shared/data)

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: demo test test-fast check bench lock clean

demo: $(READY)
	$(BIN)/tidegate demo --out demo
	@echo "First, once in this shell: . $(BIN)/activate"

test: $(READY)
	$(BIN)/python -m pytest

test-fast: $(READY)
	$(BIN)/python -m pytest -m "not slow"

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python bench/tagging.py ud_english_ewt wnut17 snips_nlu --seeds 3
	$(BIN)/python bench/classification.py sms_spam banking77 clinc150 snips_nlu sentence_polarity --seeds 3

$(READY): requirements/lock.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

# Resolves the ranges of pyproject.toml anew and writes the versions down, without local versions such as +cpu.
lock:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements/direct.txt
	$(BIN)/python -m pip freeze --exclude-editable --exclude tidegate | sed 's/+[a-z0-9.]*$$//' > requirements/lock.txt

clean:
	rm -rf .venv demo build dist
