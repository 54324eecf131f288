# Every target works on every module of go.work. Run `make` for the list.

GO       ?= go
FUZZTIME ?= 10s
ONLY     ?=
ARGS     ?=

modules  := $(patsubst $(CURDIR)%,.%,$(shell $(GO) list -m -f '{{.Dir}}'))
packages := $(addsuffix /...,$(modules))

# Runs a command with a Postgres for its tests: the one in PASTTENSE_TEST_DATABASE_URL, installed programs, or Docker.
testdb := $(GO) run ./tools/testdb --

# The pinned linter, built on first use and kept in Go's build cache. It lints each module as its users see it, without the workspace.
golangci-lint = $$(cd tools/lint && GOWORK=off $(GO) tool -n golangci-lint)
in-each-module = tool="$(golangci-lint)" && for module in $(modules); do (cd $$module && GOWORK=off "$$tool"

.PHONY: help test lint fmt fuzz bench pooler torture torture-projections torture-processes gaps

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Not from the cache: many tests race at random, and those of internal/archtest look at files that the cache does not watch.
test: ## Run all tests of all modules, with the race detector, on a real Postgres
	$(testdb) $(GO) test -race -count=1 $(TESTFLAGS) $(packages)

lint: ## Lint all modules
	@$(in-each-module) run ./...) || exit 1; done

fmt: ## Format all modules
	@$(in-each-module) fmt ./...) || exit 1; done

fuzz: ## Run every fuzz target for FUZZTIME (10s)
	@$(testdb) ./tools/fuzz $(FUZZTIME) $(packages)

bench: ## Measure speed beside plain pgx: everything, or what ONLY (append-64,live) names
	$(GO) run ./bench -only '$(ONLY)' $(BENCHFLAGS)

pooler: ## Run the tests that need pgbouncer, which must be installed
	$(testdb) $(GO) test -race -count=1 -tags pgbouncer -run Pooler ./pgstore/

torture: ## Run the store under everything that can go wrong, and check it; ARGS="-seconds 60 -writers 32 -seed 1"
	$(GO) run ./bench/torture $(ARGS)

torture-projections: ## Run a projection while its processes are killed and stopped, and check it; ARGS="-seconds 180 -seed 1"
	$(GO) run ./bench/projections $(ARGS)

torture-processes: ## Run a process manager while its processes are killed and stopped, and check it; ARGS="-seconds 120 -seed 1"
	$(GO) run ./bench/processes $(ARGS)

gaps: ## Show what three ways to follow an event log see of it, and what they miss
	$(GO) run ./bench/gaps $(ARGS)
