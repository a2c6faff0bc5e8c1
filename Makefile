# Every task is a target; `make` alone lists them. CI calls only these targets.
# ARGS is passed to directus-sync: make push ARGS="--allow-destroy events.notes"
# To use another database than the local stack, set DB_HOST or DB_CONNECTION_STRING in the environment or in .env.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Without byte code, each process would compile the project again, and each test worker all tests.
unexport PYTHONDONTWRITEBYTECODE

PYTHON := .venv/bin/python
STACK := $(PYTHON) -m tools.devstack
# Runs a command with the settings of the local stack, and starts the stack if needed.
RUN := $(STACK) run --
# DIRECTUS_SYNC_MAKE tells the command that make called it, so that its hints name make targets.
SYNC = DIRECTUS_SYNC_MAKE=$@ $(RUN) .venv/bin/directus-sync
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --quiet \
  --custom-compile-command 'make lock'
# Without registry and tag.
IMAGE := trm/directus
# The file with the id of the last built image. Next to it: the id of the image that passed image-try (.tried), its SBOM
# (.cdx.json), and the programs that are copied out of images.
IMAGE_ID ?= .stack/image
# Scans an image for published vulnerabilities, and writes its SBOM.
TRIVY := aquasec/trivy:0.74.0@sha256:62b1e65e8869bc4b4c6aa4fa2b21595256c7c2f6018a9d9ad61caf87187c1969
COSIGN := ghcr.io/sigstore/cosign/cosign:v3.1.3@sha256:9e5c2f2edc34351160407ca3416c61855bdf9403c3c5936e0f0be7fc261611b8

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {gsub(/\$$\$$/, "$$", $$2); printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv:
	@tools/devstack/venv.sh

.PHONY: migrate
migrate: venv ## Bring the database to the state of this checkout; starts the local stack if no other is set
	@$(SYNC) deploy $(ARGS)
	@# Only the local stack is seeded here. For another database: make seed.
	@$(if $(findstring dry-run,$(ARGS)),,DIRECTUS_SYNC_MAKE=seed $(STACK) run --stack-only -- .venv/bin/directus-sync seed)

.PHONY: seed
seed: venv ## Create missing rows of snapshots/seeds/
	@$(SYNC) seed $(ARGS)

.PHONY: up
up: migrate ## Migrate, then leave Directus running and print where to log in
	@$(STACK) up

.PHONY: down
down: venv ## Stop the local stack; keeps its data
	@$(STACK) down

.PHONY: reset
reset: venv ## Stop the local stack and delete its data
	@$(STACK) reset --yes

.PHONY: status
status: venv ## Show the running servers, and the state of the database
	@$(STACK) status
	@# Starts no database: if none runs, there is nothing more to show.
	@$(STACK) run --no-start -- .venv/bin/directus-sync status

.PHONY: env
env: venv ## Print the local stack's settings, for: eval "$$(make -s env)"
	@$(STACK) env

.PHONY: diff
diff: venv ## Show what a push would change in Directus
	@$(SYNC) diff $(ARGS)

.PHONY: check
check: venv ## Compare the database and Directus with this checkout
	@$(SYNC) check $(ARGS)

.PHONY: verify
verify: check ## Check, then compare snapshots/ byte for byte with a new pull
	@scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	  cp -r snapshots/access snapshots/resources "$$scratch"; \
	  $(SYNC) pull --snapshot "$$scratch/schema.yaml" >/dev/null; \
	  $(PYTHON) -m tools.verify "$$scratch"

.PHONY: plan
plan: venv ## Plan and try a deploy of this checkout over an older commit: make plan BASE=main
	@$(RUN) $(PYTHON) .ci/plan.py

.PHONY: pull
pull: venv ## Capture Directus's schema into snapshots/schema.yaml
	@$(SYNC) pull $(ARGS)

.PHONY: push
push: venv ## Push snapshots/schema.yaml to Directus
	@$(SYNC) push $(ARGS)

.PHONY: pre
pre: venv ## New revision that runs before the push: make pre m="add a column"
	@$(PYTHON) -m tools.revisions new pre "$(m)"

.PHONY: post
post: venv ## New revision that runs after the push: make post m="add a constraint"
	@$(PYTHON) -m tools.revisions new post "$(m)"

.PHONY: renumber
renumber: venv ## Order revisions after a merge: the newer one, or r=NAME, goes on top
	@$(PYTHON) -m tools.revisions renumber $(r)

.PHONY: accept-edits
accept-edits: venv ## Accept edits of applied revisions: make accept-edits m="why databases need nothing"
	@$(PYTHON) -m tools.revisions accept-edits "$(m)" $(BASE)

.PHONY: test
test: venv ## Run the tests, against a real PostgreSQL, Directus and browser
	@$(STACK) install --for-tests
	@# Without isolation the test files share loaded modules: loading takes longer than testing.
	@$(STACK) extension -- vitest run --cache=false --no-isolate
	@# One worker more than cores, because tests often wait for a server.
	@$(PYTHON) -m pytest --numprocesses $$(($$(nproc) + 1)) --dist worksteal

.PHONY: test-all
test-all: venv ## Run all tests: also tests/chaos, PostgreSQL 16, and the guard's laws with all cases
	@TIER=slow $(MAKE) test

.PHONY: test-fast
test-fast: venv ## Run the tests that need no server
	@$(PYTHON) -m pytest tests/unit tests/properties

.PHONY: mutants
mutants: venv ## Put faults into the guard's code, and list those that no test notices: docs/testing.md
	@$(PYTHON) -m tools.mutants

.PHONY: screenshots
screenshots: venv ## Test the admin UI, and take the pictures of docs/images again
	@$(STACK) install --for-tests
	@SCREENSHOTS=docs/images TIER=slow $(PYTHON) -m pytest tests/browser

.PHONY: bench
bench: venv ## Measure against the old chain, Directus's CLI and npm's directus-sync: docs/benchmarks.md
	@$(PYTHON) -m tools.bench $(ARGS)

.PHONY: positions
positions: venv ## Write an example track of the test entry's devices into positions
	@$(RUN) $(PYTHON) -m tools.positions $(ARGS)

.PHONY: bootstrap-sql
bootstrap-sql: venv ## Write the prepared tables of the pinned Directus, from a real bootstrap: docs/deploy.md
	@$(PYTHON) -m tools.bootstrap_sql

.PHONY: docs
docs: venv ## Write the generated pages and tables: data model, who may do what, errors, settings, commands
	@$(PYTHON) -m tools.docs

.PHONY: lint
lint: venv ## Check style, types, imports, the migrations' SQL, shell scripts, Dockerfile and workflow
	@.venv/bin/ruff check . docker/directus-sync
	@.venv/bin/ruff format --check . docker/directus-sync
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(STACK) extension -- tsc
	@$(STACK) extension -- eslint
	@$(PYTHON) -m tools.docs --check
	@.venv/bin/alembic upgrade pre@head --sql 2>/dev/null | .venv/bin/squawk
	@.venv/bin/alembic upgrade $$(cut -d_ -f1,2 migrations/versions/PRE_HEAD):post@head --sql 2>/dev/null | .venv/bin/squawk
	@git ls-files -z '*.sh' .ci/run | xargs -0 .venv/bin/shellcheck
	@.venv/bin/mypy .ci/*.py
	@.venv/bin/hadolint docker/Dockerfile
	@.ci/actionlint.sh '.gitea/workflows/*.yaml'
	@.venv/bin/zizmor --offline --quiet --no-progress .gitea/workflows/*.yaml

.PHONY: audit
audit: venv ## Check the locked Python and Node packages for published vulnerabilities
	@.ci/audit.sh

.PHONY: format
format: venv ## Format the code with ruff
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

.PHONY: image
image: ## Build the image; needs Docker
	@mkdir -p $(dir $(IMAGE_ID)); rm -f $(IMAGE_ID).tried
	@docker build --pull --file docker/Dockerfile --tag $(IMAGE) --iidfile $(IMAGE_ID) \
	  --build-arg REVISION="$$(git rev-parse HEAD)" --build-arg CREATED="$$(date -u +%Y-%m-%dT%H:%M:%SZ)" .

.PHONY: image-try
image-try: venv ## Start the image twice on a new database: it must migrate and serve, then have nothing to do
	@$(RUN) $(PYTHON) .ci/try_image.py $(IMAGE_ID)

.PHONY: image-scan
image-scan: ## Fail if the image has a critical vulnerability with a fix; write its SBOM, .stack/image.cdx.json
	@.ci/scan.sh $(IMAGE_ID) $(TRIVY)

.PHONY: image-push
image-push: ## Push the tried image to REGISTRY, as REGISTRY_USER with REGISTRY_PASSWORD; sign it
	@: "$${REGISTRY:?set it to the registry, such as registry.example.com}"
	@[ -f $(IMAGE_ID).tried ] || { echo 'error: no image was tried; next: make image image-try' >&2; exit 1; }
	@docker login --username "$$REGISTRY_USER" --password-stdin "$$REGISTRY" <<<"$$REGISTRY_PASSWORD"
	@for tag in main "$$(git rev-parse HEAD)"; do \
	  docker tag "$$(cat $(IMAGE_ID).tried)" "$$REGISTRY/$(IMAGE):$$tag" && \
	  docker push "$$REGISTRY/$(IMAGE):$$tag" || exit; \
	done
	@.ci/sign.sh "$$REGISTRY/$(IMAGE):$$(git rev-parse HEAD)" $(IMAGE_ID) $(COSIGN)

.PHONY: lock
lock: ## Resolve pyproject.toml into the lock files again; needs uv
	@$(LOCK) --group dev --upgrade --output-file requirements.lock
	@# The packages of the image, in the same versions.
	@$(LOCK) --constraint requirements.lock --output-file requirements.runtime.lock
