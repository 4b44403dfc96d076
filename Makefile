# Ganymede: build, run, test. Every target sets up what it needs first; `make help` lists them.

SHELL := /bin/bash
CARGO ?= cargo
# Where cargo builds.
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Which build of the daemon the interop suite drives: debug (what `cargo test` has built anyway) or release.
PROFILE ?= debug
CONFIG ?= config/lab.toml
# More words for pytest, for example PYTEST_FLAGS="-k case_07".
PYTEST_FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup build run lint test unit doc fuzz-check interop gnmic telegraf tacquito field-numbers bench soak

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## install what the build needs (cmake, libpcre2-dev) when it is missing
	@scripts/setup.sh build

build: setup
	$(CARGO) build --release --locked

run: build ## start the lab configuration on 127.0.0.1:57400 (CONFIG=config/lab-tls.toml for TLS on 57401)
	@mkdir -p lab
	@scripts/hints.sh $(CONFIG)
	@exec $(TARGET)/release/ganymede run --config $(CONFIG)

lint: setup ## rustfmt and clippy
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	$(CARGO) clippy --locked --all-targets -- -D warnings

unit: setup ## every Rust test
	$(CARGO) test --locked

doc: setup ## the API documentation; a broken link is an error
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps

# The fuzz crate is a workspace of its own; one target directory for both spares a second build of the dependencies.
fuzz-check: setup
	@if [ -f fuzz/Cargo.toml ]; then \
	    echo "$(CARGO) check --locked --manifest-path fuzz/Cargo.toml"; \
	    $(CARGO) check --locked --manifest-path fuzz/Cargo.toml --target-dir $(TARGET); \
	fi

interop: setup ## drive the built daemon with gnmic, pygnmi, Telegraf, FreeRADIUS, tacquito and chrony (PROFILE=release for the release build)
	$(CARGO) build --locked $(if $(filter release,$(PROFILE)),--release)
	@GANYMEDE=$(TARGET)/$(PROFILE)/ganymede scripts/interop.sh $(PYTEST_FLAGS)

field-numbers: ## give new nodes of yang/ their field numbers for the encoding BYTES
	FIELD_NUMBERS=append $(CARGO) test --locked --lib every_embedded_node_has_a_committed_number

gnmic: ## find a gnmic, or build v0.47.0 into .tools/bin; prints where it is
	@scripts/client.sh gnmic

telegraf: ## find a Telegraf, or build v1.37.2 into .tools/bin; prints where it is
	@scripts/client.sh telegraf

tacquito: ## find a tacquito, or build it into .tools/bin; prints where it is
	@scripts/client.sh tacquito

# One after the other, cheapest verdict first, also under `make -j`: they share the target directory and two cores.
test: ## everything: fmt, clippy, Rust tests, docs, fuzz targets, interop suite
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory doc
	@$(MAKE) --no-print-directory fuzz-check
	@$(MAKE) --no-print-directory interop

# The votes start from a seed that differs each time; VOTE_SEED=n repeats.
soak: setup ## what `make test` does for seconds, for long: 1,000 kills under load (ROUNDS=n), 5,000 random models (CASES=n)
	GANYMEDE_KILL_ROUNDS=$(or $(ROUNDS),1000) $(CARGO) test --locked --test it kills_lose_nothing -- --nocapture
	VOTE_CASES=$(or $(CASES),5000) VOTE_SEED=$${VOTE_SEED:-$$RANDOM$$RANDOM} \
	    $(CARGO) test --locked --lib votes_like_libyang_on_any_modules -- --nocapture

bench: setup ## the benchmarks, as ratios against a reference in the same run
	$(CARGO) bench --locked --bench load
