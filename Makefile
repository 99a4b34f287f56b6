# `make up` brings both regions up on this machine; `make test` runs every test. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.complete
PYTEST := $(PY) -m pytest
ARGS ?=
# A part of a tier, like 2/3, for machines that share it.
PART ?=
TO ?=
STACK ?=
NAME ?=
PROMETHEUS ?=
# What `make up` brings the regions up on, whatever their stack files say; PLATFORM= leaves it to them.
PLATFORM := aws
ON = $(if $(PLATFORM),--platform $(PLATFORM))
PLAN ?=
# What a branch is to go into, the region order of `make stage`, and the pull request that `make comment` writes to.
BASE ?= origin/main
ORDER ?= standby-first
NUMBER ?=

.DEFAULT_GOAL := help
.PHONY: help setup up down status preview policies record gate promote state destroy dashboards drill bench calibrate lint pr-checks base-gate previews comment stages stage kubeconfig drift drift-issue lock-request servers plugins test test-unit test-rehearsal test-data test-engine lock docs clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Without dependencies: the lock file names all of them, and barman's psycopg2 is psycopg2-binary's (tool.uv).
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s: name another one with PYTHON=…" % sys.version.split()[0])'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { echo "cannot make $(VENV): install Python's venv module (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "installing the locked environment into $(VENV) …" >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(READY) ## prepare .venv from the lock file and the control-plane binaries (idempotent)
	@$(PY) -m rehearsal setup >&2

up: setup ## bring both regions up on real control planes and a simulated AWS account, and show them
	@$(PY) -m rehearsal up $(ON) $(ARGS)

down: $(READY) ## end the control planes and remove their state
	@$(PY) -m rehearsal down $(ON) $(ARGS)

status: $(READY) ## what is up now
	@$(PY) -m rehearsal status $(ON) $(ARGS)

preview: $(READY) ## what each region would create, with policy results, without Kubernetes
	@$(PY) -m rehearsal preview $(ARGS)

policies: $(READY) ## ask every policy pack about every region on both platforms, without cloud or Kubernetes
	@$(PY) -m rehearsal policies $(ARGS)

record: $(READY) ## keep what the stacks are now as NAME=…, which later programs must update without loss (docs/upgrades.md)
	@$(PY) -m rehearsal record "$(NAME)" $(ARGS)

gate: $(READY) ## refuse a plan (PLAN=what `pulumi preview --json` printed) that deletes, replaces or shrinks what holds data
	@$(PY) -m policies.gate $(PLAN)

promote: $(READY) ## make the region TO=… home: switchover, failover and fail-back (docs/promotion.md)
	@$(PY) -m promotion $(TO) $(ARGS)

state: $(READY) ## make the bucket of the stacks' state, with its copy in another region (docs/state.md)
	@$(PY) -m state store $(ARGS)

destroy: $(READY) ## what it takes to give the region STACK=… up; destroys nothing (docs/state.md)
	@$(PY) -m state destroy $(STACK) $(ARGS)

dashboards: $(READY) ## a region's dashboards as one HTML page, with what PROMETHEUS=http://… answers (docs/monitoring.md)
	@$(PY) -m dashboards $(if $(PROMETHEUS),--prometheus $(PROMETHEUS)) $(if $(STACK),--stack $(STACK)) $(ARGS)

drill: setup ## lose zones, drain nodes, roll and load a region of `make up`, and compare with what the policies prove
	@$(PY) -m rehearsal drill $(ON) $(ARGS)

bench: setup servers ## measure the numbers that this project promises
	@$(PY) -m rehearsal bench $(ARGS)

calibrate: $(READY) servers ## measure what capacity counts with, on real PostgreSQL and Redis (about an hour)
	@$(PY) -m rehearsal.calibration $(ARGS)

# Types are looked at beside all the rest.
lint: $(READY) ## format, lint, types, import directions, generated docs
	@$(VENV)/bin/basedpyright & types=$$!; \
	$(VENV)/bin/ruff format --check . && \
	$(VENV)/bin/ruff check . && \
	$(VENV)/bin/lint-imports && \
	$(PY) -m settings --check docs/configuration.md && \
	$(PY) -m settings --check README.md && \
	$(PY) -m policies --check docs && \
	$(PY) -m observability --check docs/alerts.md && \
	$(PY) -m rehearsal.aws.rights --check docs/aws.md && \
	$(PY) -m capacity docs --check docs/capacity.md && \
	$(PY) -m components --check docs/api.md; \
	rest=$$?; wait $$types && exit $$rest

pr-checks: lint test-unit test-rehearsal policies base-gate ## what a pull request has to pass, without any credential (docs/delivery.md)

base-gate: $(READY) ## refuse a checkout that would delete, replace or shrink what holds data in the regions of BASE=origin/main
	@$(PY) -m delivery gate $(BASE) $(ARGS)

previews: $(READY) ## `pulumi preview` of every region, or of STACK=…, with every pack and the gate
	@$(PY) -m delivery preview $(STACK) $(ARGS)

comment: $(READY) ## those previews as one text; with a token it is the comment of the pull request NUMBER=…
	@$(PY) -m delivery comment $(if $(NUMBER),--number $(NUMBER)) $(ARGS)

stages: $(READY) ## which regions are brought to a commit first, and which then, as JSON
	@$(PY) -m delivery stages --order $(ORDER) $(ARGS)

stage: $(READY) ## bring the regions, or STACK=…, to this commit: standbys, then home, with a gate after each
	@$(PY) -m delivery stage --order $(ORDER) $(STACK) $(ARGS)

kubeconfig: $(READY) ## let kubectl find the cluster of STACK=… on AWS
	@$(PY) -m delivery kubeconfig $(STACK) $(ARGS)

drift: $(READY) ## what is there, of every region or of STACK=…, that this checkout does not say
	@$(PY) -m delivery drift $(STACK) $(ARGS)

drift-issue: $(READY) ## what `make drift` found as one text; with a token it is an issue, closed when nothing differs
	@$(PY) -m delivery issue $(ARGS)

lock-request: $(READY) ## the lock file as a pull request, with a token
	@$(PY) -m delivery propose $(ARGS)

servers: $(READY) # what the data tier runs, installed and built where that can be done
	@sh tests/dataplane/install.sh
	@$(PY) -m rehearsal.real

PROVIDERS := from importlib.metadata import version; from rehearsal.engine.cli import PLUGINS; \
  print(*(name + " " + version("pulumi-" + name) for name in PLUGINS), sep="\n")

plugins: $(READY) # providers for the Pulumi CLI, of the locked versions
	@$(PY) -c '$(PROVIDERS)' | xargs -L 1 pulumi plugin install resource

test: setup servers lint ## every test: lint, then all tiers
	@$(if $(strip $(ARGS)),$(PYTEST) $(ARGS),sh tests/all.sh $(PY))

test-unit: $(READY) ## no process, no network
	@$(PYTEST) tests/unit $(if $(PART),--part $(PART)) $(ARGS)

test-rehearsal: setup ## embedded Kubernetes with simulated nodes
	@$(PYTEST) tests/rehearsal $(if $(PART),--part $(PART)) $(ARGS)

# Only a KUBECONFIG of the command line counts: one of the environment may lead to a cluster that is in use.
GIVEN := $(if $(filter command,$(origin KUBECONFIG)),SOMA_TEST_KUBECONFIG=$(abspath $(KUBECONFIG)))

test-data: setup servers ## real nodes, real pods, real servers; KUBECONFIG=… takes a cluster of yours instead of ours
	@$(GIVEN) $(PYTEST) tests/dataplane $(ARGS)

test-engine: setup ## the real Pulumi CLI, where it is on PATH
	@$(PYTEST) tests/engine $(ARGS)

docs: $(READY) ## write the generated parts of docs/ again
	@$(PY) -m settings --write docs/configuration.md
	@$(PY) -m settings --write README.md
	@$(PY) -m policies --write docs
	@$(PY) -m observability --write docs/alerts.md
	@$(PY) -m rehearsal.aws.rights --write docs/aws.md
	@$(PY) -m capacity docs --write docs/capacity.md
	@$(PY) -m components --write docs/api.md
	@$(PY) -m rehearsal.aws_sdk

lock: ## resolve the dependencies of pyproject.toml into requirements.lock
	@$(PY) -m pip install --quiet uv
	@$(VENV)/bin/uv pip compile pyproject.toml --extra capacity --extra rehearsal --extra test --generate-hashes --universal --python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" --quiet --upgrade -o requirements.lock

clean: ## remove .venv (after make down)
	@rm -rf $(VENV)
