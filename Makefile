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
VENV_NEWEST ?= .venv-newest
VENV_UV ?= .venv-uv
OUT ?= out
# Workers for the test run: one per core, as pytest-xdist counts them.
JOBS ?= auto
# Pictures of faces for the benchmarks.
FACES ?= $(wildcard ../shared/data/faces/*.jp*g)
# Each of these tests has half a dozen processes of its own; more at once starve each other.
FAULT_JOBS ?= 2

# uv installs everything, in the versions and with the hashes of requirements/*.lock; its own are in uv.lock there.
UV := $(VENV_UV)/bin/uv
export UV_PYTHON_DOWNLOADS := never
# Where it is set, every process would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# $(call environment,FOLDER): a new virtual environment.
environment = $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" $(1)
# $(call sync,FOLDER,LOCK): have it hold what a lock names, and nothing else.
sync = $(UV) pip sync --quiet --python $(1)/bin/python --require-hashes \
	--build-constraints requirements/build.lock requirements/$(2)
# $(call editable,FOLDER): add the checkout itself; what it needs is there.
editable = $(UV) pip install --quiet --python $(1)/bin/python --no-deps \
	--build-constraints requirements/build.lock --editable .
# A lock is written from pyproject.toml: with --universal, for every platform and Python that it allows.
COMPILE = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
# What images do without: see release/licences.toml.
PRODUCT = $(COMPILE) --no-emit-package opencv-python --no-emit-package imageio-ffmpeg

.PHONY: help
help: ## Show this list
	@echo "Framecloak. The two commands to know: 'make demo' and 'make test'."
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(VENV)/.installed ## Create .venv and install what requirements/dev.lock names (quick the second time)

$(UV): requirements/uv.lock
	$(PYTHON) -m venv $(VENV_UV)
	$(VENV_UV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.lock
	touch $@

# Stamps are older than what they were made from whenever that has changed, and are made again then.
$(VENV)/.installed: pyproject.toml requirements/dev.lock $(UV)
	test -x $(VENV)/bin/python || $(call environment,$(VENV))
	$(call sync,$(VENV),dev.lock)
	$(call editable,$(VENV))
	touch $(VENV)/.product $@

# The product alone: half of what the tests need, so that the demo is there sooner.
$(VENV)/.product: pyproject.toml requirements/cpu.lock $(UV)
	test -x $(VENV)/bin/python || $(call environment,$(VENV))
	$(call sync,$(VENV),cpu.lock)
	$(call editable,$(VENV))
	rm -f $(VENV)/.installed
	touch $@

.PHONY: demo
demo: $(VENV)/.product ## See the whole service work: make demo, or make demo VIDEO=path
	$(BIN)/framecloak demo --output $(OUT)/demo $(if $(VIDEO),"$(VIDEO)")

.PHONY: demo-once
demo-once: $(VENV)/.product ## The same, and stop the service afterwards
	$(BIN)/framecloak demo --once --output $(OUT)/demo $(if $(VIDEO),"$(VIDEO)")

.PHONY: test
test: setup ## Run the tests (under ten minutes on two cores)
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not faults and not browser and not nightly" tests

.PHONY: test-nightly
test-nightly: setup ## The long forms: a thousand examples a property, whole films at full size (about an hour)
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest -n $(JOBS) --dist worksteal -m "not faults and not browser" tests

.PHONY: test-browser
test-browser: setup ## Drive the web console with a real Chromium
	if command -v npm >/dev/null; then npm install --silent --no-fund --no-audit --prefix $(OUT)/axe axe-core@4; fi
	AXE_CORE=$(OUT)/axe/node_modules/axe-core/axe.min.js $(BIN)/pytest -n $(JOBS) --dist worksteal -m browser tests/browser

.PHONY: screenshots
screenshots: setup ## Make the pictures in docs/screenshots anew
	$(BIN)/python tests/browser/take_screenshots.py docs/screenshots

.PHONY: test-faults
test-faults: setup ## Kill, pause and starve real processes and servers; every frame must come out once
	$(BIN)/pytest -n $(FAULT_JOBS) -m faults --durations 5 tests/e2e

.PHONY: test-clip
test-clip: $(VENV_CLIP)/.installed ## Test exporting CLIP, with torch in an environment of its own (2 GB)
	$(VENV_CLIP)/bin/pytest tests/clip

# Which build of torch there is depends on the machine, and CUDA's is 3 GB: pip chooses, constraints.txt says the version.
$(VENV_CLIP)/.installed: pyproject.toml requirements/clip.lock tests/clip/constraints.txt $(UV)
	$(PYTHON) -m venv --clear $(VENV_CLIP)
	$(UV) pip install --quiet --python $(VENV_CLIP)/bin/python --no-deps --require-hashes \
		--build-constraints requirements/build.lock --requirement requirements/clip.lock
	$(VENV_CLIP)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint tests/clip/constraints.txt torch torchvision
	$(call editable,$(VENV_CLIP))
	touch $@

.PHONY: test-gpu
test-gpu: $(VENV_GPU)/.installed ## Hold models on an NVIDIA GPU against the CPU; skipped, saying why, without one
	$(VENV_GPU)/bin/pytest -m gpu tests/gpu

# onnxruntime and onnxruntime-gpu own the same files, so what has the one cannot have the other.
$(VENV_GPU)/.installed: pyproject.toml requirements/dev.lock requirements/gpu.lock $(UV)
	$(call environment,$(VENV_GPU))
	$(call sync,$(VENV_GPU),dev.lock)
	$(UV) pip uninstall --quiet --python $(VENV_GPU)/bin/python onnxruntime
	$(UV) pip install --quiet --python $(VENV_GPU)/bin/python --no-deps --require-hashes \
		--build-constraints requirements/build.lock --requirement requirements/gpu.lock
	$(call editable,$(VENV_GPU))
	touch $@

$(VENV_RELEASE)/.installed: requirements/release.lock $(UV)
	$(call environment,$(VENV_RELEASE))
	$(call sync,$(VENV_RELEASE),release.lock)
	touch $@

clients/node_modules/.installed: clients/package.json clients/package-lock.json
	npm --prefix clients ci --no-audit --no-fund
	touch $@

.PHONY: openapi
openapi: setup ## Write openapi.json anew from what the service serves
	PYTHONPATH=tests $(BIN)/python -m support.http.served_document

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
$(VENV_DOCS)/.installed: requirements/docs.lock $(UV)
	$(call environment,$(VENV_DOCS))
	$(call sync,$(VENV_DOCS),docs.lock)
	touch $@

.PHONY: docs
docs: $(VENV_DOCS)/.installed ## Build the documentation into out/site; any warning fails it
	NO_MKDOCS_2_WARNING=1 $(VENV_DOCS)/bin/mkdocs build --strict --quiet --site-dir $(abspath $(OUT))/site

.PHONY: reference
reference: setup ## Write the pages of settings, errors and commands anew from the program
	$(BIN)/python docs/generators/reference_pages.py

.PHONY: test-docs
test-docs: setup docs clients ## Run every command and example of the documentation, and look at its pages
	$(BIN)/pytest -n $(JOBS) tests/docs

.PHONY: lock
lock: $(UV) ## Renew all locks with the newest versions that pyproject.toml allows
	$(COMPILE) --output-file requirements/uv.lock requirements/uv.in
	$(COMPILE) --output-file requirements/build.lock requirements/build.in
	$(PRODUCT) --extra embedded --output-file requirements/cpu.lock pyproject.toml
	$(PRODUCT) --extra embedded --extra gpu --no-emit-package onnxruntime --constraint requirements/cpu.lock \
		--output-file requirements/gpu.lock pyproject.toml
	$(COMPILE) --no-emit-package opencv-python --extra embedded --extra dev --constraint requirements/cpu.lock \
		--output-file requirements/dev.lock pyproject.toml
	$(COMPILE) --no-emit-package opencv-python --extra clip --extra dev --constraint requirements/dev.lock \
		--excludes requirements/clip.excludes --output-file requirements/clip.lock pyproject.toml
	$(COMPILE) --group release --output-file requirements/release.lock
	$(COMPILE) --group docs --output-file requirements/docs.lock

.PHONY: test-newest
test-newest: $(UV) ## Run the tests on the newest versions that pyproject.toml allows, whatever the locks say
	$(call environment,$(VENV_NEWEST))
	$(UV) pip install --quiet --python $(VENV_NEWEST)/bin/python --refresh --upgrade --editable '.[embedded,dev]'
	$(VENV_NEWEST)/bin/pytest -n $(JOBS) --dist worksteal -m "not faults and not browser and not nightly" tests

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
	$(BIN)/python -m benchmarks.anonymization.redact_vs_deface

.PHONY: bench-hard
bench-hard: setup ## Score both on footage made to be hard
	$(BIN)/python -m benchmarks.anonymization.hard_footage

.PHONY: bench-precision
bench-precision: setup ## Time int8 against fp32 on this processor, on VIDEO
	$(BIN)/python -m benchmarks.anonymization.precision "$(or $(VIDEO),../shared/data/street.mp4)"

.PHONY: bench-service
bench-service: setup ## Load the service: status requests, first frame, a large upload
	$(BIN)/python -m benchmarks.service.load

.PHONY: bench-faces
bench-faces: setup ## Faces over HTTP: analysing with 16 connections, and 10,000 embeddings at once
	$(BIN)/python -m benchmarks.faces.over_http $(FACES)

.PHONY: bench-gpu
bench-gpu: $(VENV_GPU)/.installed ## Models on an NVIDIA GPU against the CPU; measures nothing without one
	$(VENV_GPU)/bin/python -m benchmarks.gpu --output $(OUT)/gpu.md $(FACES)

.PHONY: bench-workers
bench-workers: setup ## Compare one worker with two, and one slice with ten
	$(BIN)/python -m benchmarks.service.worker_scaling

.PHONY: bench-drain
bench-drain: setup ## Drain a request of 10,000 frames and a queue of 1,000 requests
	$(BIN)/python -m benchmarks.service.drain

.PHONY: bench-galleries
bench-galleries: setup ## Search a gallery of 100,000 faces, exactly and through its index
	$(BIN)/python -m benchmarks.faces.gallery_search

.PHONY: soak
soak: setup ## Kill workers under load for 20 minutes; nothing may be lost or doubled
	$(BIN)/python -m benchmarks.service.soak

.PHONY: soak-short
soak-short: setup ## The same for one minute
	$(BIN)/python -m benchmarks.service.soak --short

.PHONY: clean
clean: ## Remove what the tasks above made
	rm -rf $(VENV) $(VENV_CLIP) $(VENV_GPU) $(VENV_RELEASE) $(VENV_DOCS) $(VENV_NEWEST) $(VENV_UV) clients/node_modules $(OUT) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
