# Everything is a target; `make` alone lists them. CI calls only these.
# ARGS reaches directus-sync: make push ARGS="--allow-destroy events.notes"
# DB_HOST or DB_CONNECTION_STRING, in the environment or in .env, names another database than the local stack's.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Without its byte code each process would compile the project again, and each worker of the tests all tests.
unexport PYTHONDONTWRITEBYTECODE

PYTHON := .venv/bin/python
STACK := $(PYTHON) -m tools.devstack
# Runs a command with the settings of the local stack, which it starts where needed.
RUN := $(STACK) run --
# The target is for hints: the command says what its user can run.
SYNC = DIRECTUS_SYNC_MAKE=$@ $(RUN) .venv/bin/directus-sync
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --quiet \
  --custom-compile-command 'make lock'
# Without registry and tag.
IMAGE := trm/directus
# The id of the image that was built last; beside it, that of the one that passed when it was tried, its parts (an SBOM,
# .cdx.json), and the programs that come from images.
IMAGE_ID ?= .stack/image
# Looks for published holes in an image, and lists its parts.
TRIVY := aquasec/trivy:0.74.0@sha256:62b1e65e8869bc4b4c6aa4fa2b21595256c7c2f6018a9d9ad61caf87187c1969
COSIGN := ghcr.io/sigstore/cosign/cosign:v3.1.3@sha256:9e5c2f2edc34351160407ca3416c61855bdf9403c3c5936e0f0be7fc261611b8

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {gsub(/\$$\$$/, "$$", $$2); printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv:
	@tools/devstack/venv.sh

.PHONY: migrate
migrate: venv ## Bring the database to what this checkout says; starts the local stack where none is named
	@$(SYNC) deploy $(ARGS)
	@# Another database is seeded only when asked: make seed.
	@$(if $(findstring dry-run,$(ARGS)),,DIRECTUS_SYNC_MAKE=seed $(STACK) run --stack-only -- .venv/bin/directus-sync seed)

.PHONY: seed
seed: venv ## Create the rows of snapshots/seeds/ that are missing
	@$(SYNC) seed $(ARGS)

.PHONY: up
up: migrate ## Migrate, then leave Directus running and say where to log in
	@$(STACK) up

.PHONY: down
down: venv ## Stop the local stack; its data stays
	@$(STACK) down

.PHONY: reset
reset: venv ## Stop the local stack and delete its data
	@$(STACK) reset --yes

.PHONY: status
status: venv ## Show what runs, and what the database has
	@$(STACK) status
	@# Starts nothing: without a running database there is nothing more to show.
	@$(STACK) run --no-start -- .venv/bin/directus-sync status

.PHONY: env
env: venv ## Print the local stack's settings, for: eval "$$(make -s env)"
	@$(STACK) env

.PHONY: diff
diff: venv ## Show what a push would change in Directus
	@$(SYNC) diff $(ARGS)

.PHONY: check
check: venv ## Compare database and Directus with this checkout
	@$(SYNC) check $(ARGS)

.PHONY: verify
verify: check ## Check, then compare snapshots/ byte for byte with what the database gives back
	@scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	  cp -r snapshots/access snapshots/resources "$$scratch"; \
	  $(SYNC) pull --snapshot "$$scratch/schema.yaml" >/dev/null; \
	  $(PYTHON) -m tools.verify "$$scratch"

.PHONY: plan
plan: venv ## Plan and try what this does to a database of an older commit: make plan BASE=main
	@$(RUN) $(PYTHON) .ci/plan.py

.PHONY: pull
pull: venv ## Capture Directus's schema into snapshots/schema.yaml
	@$(SYNC) pull $(ARGS)

.PHONY: push
push: venv ## Push snapshots/schema.yaml to Directus
	@$(SYNC) push $(ARGS)

.PHONY: pre
pre: venv ## New revision before Directus's schema: make pre m="add a column"
	@$(PYTHON) -m tools.revisions new pre "$(m)"

.PHONY: post
post: venv ## New revision after it: make post m="add a constraint"
	@$(PYTHON) -m tools.revisions new post "$(m)"

.PHONY: renumber
renumber: venv ## Put revisions in line after a merge: the newer one, or r=NAME, goes on top
	@$(PYTHON) -m tools.revisions renumber $(r)

.PHONY: accept-edits
accept-edits: venv ## Accept edits of applied revisions: make accept-edits m="why no database needs anything"
	@$(PYTHON) -m tools.revisions accept-edits "$(m)" $(BASE)

.PHONY: test
test: venv ## Run the tests, against a real PostgreSQL, Directus and browser
	@$(STACK) install --for-tests
	@# In one module cache: the rules are functions, and loading them takes longest.
	@$(STACK) extension -- vitest run --cache=false --no-isolate
	@# One more than cores: a test often waits for a server.
	@$(PYTHON) -m pytest --numprocesses $$(($$(nproc) + 1)) --dist worksteal

.PHONY: test-all
test-all: venv ## Run the slow tests as well: all of tests/chaos, PostgreSQL 16, the laws at full size
	@TIER=slow $(MAKE) test

.PHONY: test-fast
test-fast: venv ## Run the tests that need no server
	@$(PYTHON) -m pytest tests/unit tests/properties

.PHONY: mutants
mutants: venv ## Change the guard's code one place at a time, and list what no test notices: docs/testing.md
	@$(PYTHON) -m tools.mutants

.PHONY: screenshots
screenshots: venv ## Test the admin UI, and take the pictures of docs/images again
	@$(STACK) install --for-tests
	@SCREENSHOTS=docs/images TIER=slow $(PYTHON) -m pytest tests/browser

.PHONY: bench
bench: venv ## Measure against the old chain, Directus's CLI and npm's directus-sync: docs/benchmarks.md
	@$(PYTHON) -m tools.bench $(ARGS)

.PHONY: positions
positions: venv ## Write a demonstration track of the test entry's devices into positions
	@$(RUN) $(PYTHON) -m tools.positions $(ARGS)

.PHONY: bootstrap-sql
bootstrap-sql: venv ## Write the prepared tables of the pinned Directus, from a real bootstrap
	@$(PYTHON) -m tools.bootstrap_sql

.PHONY: docs
docs: venv ## Write what is generated: the data model, who may do what, the tables of errors, settings, commands
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
audit: venv ## Ask for published holes of the locked Python and Node packages
	@.ci/audit.sh

.PHONY: format
format: venv ## Let ruff put the code in form
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

.PHONY: image
image: ## Build the image; needs Docker
	@mkdir -p $(dir $(IMAGE_ID)); rm -f $(IMAGE_ID).tried
	@docker build --pull --file docker/Dockerfile --tag $(IMAGE) --iidfile $(IMAGE_ID) \
	  --build-arg REVISION="$$(git rev-parse HEAD)" --build-arg CREATED="$$(date -u +%Y-%m-%dT%H:%M:%SZ)" .

.PHONY: image-try
image-try: venv ## Start it twice on a database of its own: it migrates and serves, then has nothing to do
	@$(RUN) $(PYTHON) .ci/try_image.py $(IMAGE_ID)

.PHONY: image-scan
image-scan: ## Fail if a critical hole of the image has a fix; list its parts in .stack/image.cdx.json
	@.ci/scan.sh $(IMAGE_ID) $(TRIVY)

.PHONY: image-push
image-push: ## Push the one that was tried to REGISTRY, as REGISTRY_USER with REGISTRY_PASSWORD; sign it
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
	@# The image's part of it, with the same versions.
	@$(LOCK) --constraint requirements.lock --output-file requirements.runtime.lock
