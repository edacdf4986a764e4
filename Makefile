# Every daily habit. `make run` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin
DEMO ?= demo
export OMP_NUM_THREADS ?= 2
WORKERS ?= 2

.PHONY: setup run test check types bench docs clean

setup: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run: setup $(DEMO)/.frontdesk/router/current
	$(BIN)/frontdesk serve --project $(DEMO)

$(DEMO)/frontdesk.toml: | .venv/installed
	$(BIN)/frontdesk init $(DEMO)

$(DEMO)/.frontdesk/router/current: $(DEMO)/nlu.yml | $(DEMO)/frontdesk.toml
	$(BIN)/frontdesk ingest --project $(DEMO)
	$(BIN)/frontdesk train --project $(DEMO)
	touch $@

$(DEMO)/nlu.yml: | $(DEMO)/frontdesk.toml ;

test: setup
	sh .ci/system-packages
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	mkdir -p build/types/frontdesk
	for folder in adapters bot channels finetune knowledge; do ln -sfn "$(CURDIR)/$$folder" build/types/frontdesk/$$folder; done
	$(BIN)/mypy -p frontdesk
	$(BIN)/mypy tests benchmarks docs

bench: setup
	for program in canaries gate inbox redaction retrieval transcripts voice; do \
		echo "== $$program"; $(BIN)/python -m benchmarks.$$program || exit 1; done

docs: setup
	$(BIN)/python docs/generate.py

clean:
	rm -rf build demo
