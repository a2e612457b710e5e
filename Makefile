# All development tasks of Framecloak. `make` without a target lists them.
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
VENV_AUDIT ?= .venv-audit
VENV_FONTS ?= .venv-fonts
VENV_NEWEST ?= .venv-newest
VENV_UV ?= .venv-uv
OUT ?= out
# Number of pytest-xdist workers; auto means one per core.
JOBS ?= auto
# Face images for the benchmarks.
FACES ?= $(wildcard ../shared/data/faces/*.jp*g)
# Each fault test starts about six processes; more tests in parallel starve each other.
FAULT_JOBS ?= 2

# uv installs everything with the versions and hashes of requirements/*.lock; uv itself is pinned in uv.lock.
UV := $(VENV_UV)/bin/uv
export UV_PYTHON_DOWNLOADS := never
# If it were set, every process would recompile all imported modules.
unexport PYTHONDONTWRITEBYTECODE
# $(call environment,FOLDER): create a new virtual environment.
environment = $(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" $(1)
# $(call sync,FOLDER,LOCK): install exactly the packages of a lock.
sync = $(UV) pip sync --quiet --python $(1)/bin/python --require-hashes \
	--build-constraints requirements/build.lock requirements/$(2)
# $(call editable,FOLDER): add the checkout itself, without dependencies.
editable = $(UV) pip install --quiet --python $(1)/bin/python --no-deps \
	--build-constraints requirements/build.lock --editable .
# Locks are compiled from pyproject.toml; --universal covers all platforms and Python versions that it allows.
COMPILE = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
# Packages excluded from images: see release/licences.toml.
PRODUCT = $(COMPILE) --no-emit-package opencv-python --no-emit-package imageio-ffmpeg

.PHONY: help
help: ## Show this list
	@echo "Framecloak. Start with 'make demo' and 'make test'."
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

.PHONY: setup
setup: $(VENV)/.installed ## Create .venv and install requirements/dev.lock (quick the second time)

$(UV): requirements/uv.lock
	$(PYTHON) -m venv $(VENV_UV)
	$(VENV_UV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/uv.lock
	touch $@

# Stamp files: an environment is updated when its lock or pyproject.toml is newer.
$(VENV)/.installed: pyproject.toml requirements/dev.lock $(UV)
	test -x $(VENV)/bin/python || $(call environment,$(VENV))
	$(call sync,$(VENV),dev.lock)
	$(call editable,$(VENV))
	touch $(VENV)/.product $@

# Only the product's dependencies, half of what the tests need, so that the demo starts sooner.
$(VENV)/.product: pyproject.toml requirements/cpu.lock $(UV)
	test -x $(VENV)/bin/python || $(call environment,$(VENV))
	$(call sync,$(VENV),cpu.lock)
	$(call editable,$(VENV))
	rm -f $(VENV)/.installed
	touch $@

.PHONY: demo
demo: $(VENV)/.product ## Start the service and anonymise a sample: make demo, or make demo VIDEO=path
	$(BIN)/framecloak demo --output $(OUT)/demo $(if $(VIDEO),"$(VIDEO)")

.PHONY: demo-once
demo-once: $(VENV)/.product ## Run the demo and stop the service afterwards
	$(BIN)/framecloak demo --once --output $(OUT)/demo $(if $(VIDEO),"$(VIDEO)")

.PHONY: test
test: setup ## Run the tests (twelve minutes on two cores)
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not faults and not browser and not nightly and not formats" tests

# Number of mutated files of each container.
MUTATIONS ?= 20

.PHONY: test-formats
test-formats: setup ## Read every container, codec and quirk, and MUTATIONS mutated files of each container
	MUTATIONS=$(MUTATIONS) $(BIN)/pytest -n $(JOBS) --dist worksteal -m formats tests/integration

.PHONY: test-nightly
test-nightly: setup ## Run the long tests: a thousand examples per property, whole videos at full size (about an hour)
	HYPOTHESIS_PROFILE=nightly $(BIN)/pytest -n $(JOBS) --dist worksteal -m "not faults and not browser" tests

.PHONY: test-browser
test-browser: setup ## Test the web console in a real Chromium
	if command -v npm >/dev/null; then npm install --silent --no-fund --no-audit --prefix $(OUT)/axe axe-core@4; fi
	AXE_CORE=$(OUT)/axe/node_modules/axe-core/axe.min.js $(BIN)/pytest -n $(JOBS) --dist worksteal -m browser tests/browser

.PHONY: screenshots
screenshots: setup ## Take the screenshots in docs/screenshots again
	TEST_PATIENCE=$${TEST_PATIENCE:-20} $(BIN)/python tests/browser/take_screenshots.py docs/screenshots

.PHONY: text-picture
text-picture: setup ## Draw the picture of docs/concepts/readable-text.md again
	$(BIN)/python tests/integration/pipeline/take_text_picture.py docs/readable-text.jpg

.PHONY: test-faults
test-faults: setup ## Kill, pause and starve real processes and servers; every frame must be delivered once
	$(BIN)/pytest -n $(FAULT_JOBS) -m faults --durations 5 tests/e2e

.PHONY: test-clip
test-clip: $(VENV_CLIP)/.installed ## Test the CLIP export, with torch in a separate environment (2 GB)
	$(VENV_CLIP)/bin/pytest tests/clip

# The build of torch depends on the machine, and CUDA's is 3 GB: pip chooses it, constraints.txt sets the version.
$(VENV_CLIP)/.installed: pyproject.toml requirements/clip.lock tests/clip/constraints.txt $(UV)
	$(PYTHON) -m venv --clear $(VENV_CLIP)
	$(UV) pip install --quiet --python $(VENV_CLIP)/bin/python --no-deps --require-hashes \
		--build-constraints requirements/build.lock --requirement requirements/clip.lock
	$(VENV_CLIP)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint tests/clip/constraints.txt torch torchvision
	$(call editable,$(VENV_CLIP))
	touch $@

.PHONY: test-gpu
test-gpu: $(VENV_GPU)/.installed ## Compare models on an NVIDIA GPU with the CPU; skipped with a reason without one
	$(VENV_GPU)/bin/pytest -m gpu tests/gpu

# onnxruntime and onnxruntime-gpu install the same files, so an environment can contain only one of them.
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
openapi: setup ## Generate openapi.json from the service
	PYTHONPATH=tests $(BIN)/python -m support.http.served_document

.PHONY: clients
clients: $(VENV_RELEASE)/.installed clients/node_modules/.installed ## Generate a Python client and TypeScript types from openapi.json
	$(VENV_RELEASE)/bin/openapi-python-client generate --path openapi.json --config clients/python.yaml \
		--meta pdm --overwrite --output-path $(OUT)/clients/python
	clients/node_modules/.bin/openapi-typescript openapi.json --default-non-nullable false \
		--output $(OUT)/clients/typescript/framecloak.d.ts

.PHONY: test-clients
test-clients: setup clients ## Test the generated clients against a live service
	$(BIN)/pytest tests/clients

# mkdocs has a separate environment; only `make reference` needs the product.
$(VENV_DOCS)/.installed: requirements/docs.lock $(UV)
	$(call environment,$(VENV_DOCS))
	$(call sync,$(VENV_DOCS),docs.lock)
	touch $@

.PHONY: docs
docs: $(VENV_DOCS)/.installed ## Build the documentation into out/site; any warning fails the build
	NO_MKDOCS_2_WARNING=1 $(VENV_DOCS)/bin/mkdocs build --strict --quiet --site-dir $(abspath $(OUT))/site

.PHONY: reference
reference: setup ## Generate the pages of settings, errors, commands and formats from the program
	PYTHONPATH=tests $(BIN)/python docs/generators/reference_pages.py

.PHONY: test-docs
test-docs: setup docs clients ## Run every command and example of the documentation, and check the built pages
	$(BIN)/pytest -n $(JOBS) tests/docs

.PHONY: lock
lock: $(UV) ## Update all locks to the newest versions that pyproject.toml allows
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
	$(COMPILE) --group audit --output-file requirements/audit.lock
	$(COMPILE) --group fonts --output-file requirements/fonts.lock

$(VENV_AUDIT)/.installed: requirements/audit.lock $(UV)
	$(call environment,$(VENV_AUDIT))
	$(call sync,$(VENV_AUDIT),audit.lock)
	touch $@

# Options of release/audit.py: another service, or an archive of advisories that was fetched elsewhere.
AUDIT ?=

.PHONY: audit
audit: $(VENV_AUDIT)/.installed ## Compare the locks with published advisories; fails, and says so, where they cannot be reached
	$(VENV_AUDIT)/bin/python release/audit.py $(VENV_AUDIT)/bin/pip-audit $(AUDIT)

.PHONY: image-digests
image-digests: ## Look up the digests of all base images, and write them to docker/image-digests.env
	$(PYTHON) release/image_digests.py --look-up

.PHONY: test-newest
test-newest: $(UV) ## Run the tests on the newest versions that pyproject.toml allows, ignoring the locks
	$(call environment,$(VENV_NEWEST))
	$(UV) pip install --quiet --python $(VENV_NEWEST)/bin/python --refresh --upgrade --editable '.[embedded,dev]'
	$(VENV_NEWEST)/bin/pytest -n $(JOBS) --dist worksteal -m "not faults and not browser and not nightly and not formats" tests

.PHONY: test-image-steps
test-image-steps: ## Run the build and start steps of the images without Docker
	$(PYTHON) release/image_steps.py

.PHONY: release-check
release-check: $(VENV_RELEASE)/.installed ## Build wheel and sdist, install the wheel elsewhere, and run the demo there
	release/check.sh $(VENV_RELEASE)/bin $(OUT)/release

.PHONY: sbom
sbom: $(VENV_RELEASE)/.installed ## Write the bill of materials of the images (CycloneDX), and all licences
	release/sbom.sh $(VENV_RELEASE)/bin $(OUT)/sbom

.PHONY: check
check: setup ## Check lint, format, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

.PHONY: format
format: setup ## Format the code and apply ruff's fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: bench
bench: setup ## Compare with the deface command line: whole processes, medians, coverage
	$(BIN)/python -m benchmarks.anonymization.redact_vs_deface

.PHONY: bench-scale
bench-scale: setup ## Measure time and memory against length, faces per frame and resolution (over an hour)
	$(BIN)/python -m benchmarks.anonymization.scale

.PHONY: bench-hard
bench-hard: setup ## Compare both on deliberately hard footage
	$(BIN)/python -m benchmarks.anonymization.hard_footage

$(VENV_FONTS)/.installed: requirements/fonts.lock $(UV)
	$(call environment,$(VENV_FONTS))
	$(call sync,$(VENV_FONTS),fonts.lock)
	touch $@

.PHONY: bench-text
bench-text: setup $(VENV_FONTS)/.installed ## Draw the screens of devices over footage, and count what the text policy covers and keeps
	$(BIN)/python -m benchmarks.anonymization.text --fonts $(VENV_FONTS)

.PHONY: bench-speech
bench-speech: setup ## Mix voices with noise, and measure how much of the speech --audio mute-speech silences
	$(BIN)/python -m benchmarks.speech

.PHONY: bench-sight
bench-sight: setup ## Look for people whom detection misses: turned, squeezed, small, cut or turning away
	$(BIN)/python -m benchmarks.anonymization.sight

.PHONY: bench-precision
bench-precision: setup ## Compare int8 with fp32 on this processor, on VIDEO
	$(BIN)/python -m benchmarks.anonymization.precision "$(or $(VIDEO),../shared/data/street.mp4)"

.PHONY: bench-service
bench-service: setup ## Measure the service: status requests, first frame, a large upload
	$(BIN)/python -m benchmarks.service.load

.PHONY: bench-faces
bench-faces: setup ## Measure faces over HTTP: analysis with 16 connections, and 10,000 embeddings at once
	$(BIN)/python -m benchmarks.faces.over_http $(FACES)

.PHONY: bench-gpu
bench-gpu: $(VENV_GPU)/.installed ## Compare the speed of an NVIDIA GPU with the CPU; measures nothing without one
	$(VENV_GPU)/bin/python -m benchmarks.gpu --output $(OUT)/gpu.md $(FACES)

.PHONY: bench-workers
bench-workers: setup ## Compare one worker with two, and one slice with ten
	$(BIN)/python -m benchmarks.service.worker_scaling

.PHONY: bench-drain
bench-drain: setup ## Drain a request of 10,000 frames and a queue of 1,000 requests
	$(BIN)/python -m benchmarks.service.drain

.PHONY: bench-long
bench-long: setup ## Redact 200,000 frames as one order of the service, and open its result
	$(BIN)/python -m benchmarks.service.long_order

.PHONY: bench-estimates
bench-estimates: setup ## Compare announced with real times of orders, from the first one on
	$(BIN)/python -m benchmarks.service.estimates

.PHONY: bench-listing
bench-listing: setup ## Measure lists, searches and states with 5,000 videos and 20,000 requests
	$(BIN)/python -m benchmarks.service.listing

.PHONY: bench-fleet
bench-fleet: setup ## Simulate 500 workers on the real dispatcher, Redis and Postgres: 50,000 slices of 200 accounts
	$(BIN)/python -m benchmarks.service.fleet

.PHONY: bench-galleries
bench-galleries: setup ## Search a gallery of 100,000 faces, exactly and through its index
	$(BIN)/python -m benchmarks.faces.gallery_search

.PHONY: soak
soak: setup ## Kill workers under load for 20 minutes; nothing may be lost or duplicated
	$(BIN)/python -m benchmarks.service.soak

.PHONY: soak-short
soak-short: setup ## Run the soak test for one minute
	$(BIN)/python -m benchmarks.service.soak --short

.PHONY: clean
clean: ## Remove everything that the tasks above created
	rm -rf $(VENV) $(VENV_CLIP) $(VENV_GPU) $(VENV_RELEASE) $(VENV_DOCS) $(VENV_NEWEST) $(VENV_AUDIT) $(VENV_FONTS) $(VENV_UV) clients/node_modules $(OUT) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
