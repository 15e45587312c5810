# The verbs of the project. `make demo` and `make test` are all a new user needs: they install what
# is missing (debian-packages.txt), build, install the extensions, and run.

SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: demo test test-on soak build install bench fuzz check check-quick format screenshots package test-packages release deps deps-dev configure clean

# Packages and extension files go to system folders; root needs no sudo for that.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
JOBS := $(shell nproc)

deps:
	@scripts/install-packages debian-packages.txt

deps-dev: deps
	@scripts/install-packages debian-packages-dev.txt

configure: deps
	@[ -f build/CMakeCache.txt ] || cmake --preset release

build: configure
	@cmake --build --preset release -j $(JOBS)

# Puts the extensions into the PostgreSQL that pg_config names.
install: build
	@$(SUDO) scripts/install-extensions build

demo: install
	@build/bin/millrace demo

test: install
	@test/run

# The tests on a fresh Debian of another release: make test-on RELEASE=trixie (bookworm, trixie, forky); TESTS names some, or is
# "demo" for `make demo` there.
RELEASE ?= trixie
TESTS ?=
test-on:
	@scripts/install-packages debian-packages-test-on.txt
	@$(SUDO) scripts/test-on $(RELEASE) $(TESTS)

# The packages of a release of Debian: built there, and installed, upgraded and purged on a fresh one.
test-packages:
	@$(SUDO) test/packages/run $(RELEASE)

# The random runs against declared rollups for long: SOAK_SECONDS, a million questions to rollups over rollups, and so many crashes;
# then an operator's run of as many seconds.
SOAK_SECONDS ?= 3600
soak: install deps-dev
	@MILLRACE_TEST_CYCLES=1000 test/rollup/soak $(SOAK_SECONDS)
	@test/rollup/operator build/bin/millrace $(SOAK_SECONDS)

bench: install
	@bench/run

# A libFuzzer run of every decoder; FUZZ_SECONDS each.
FUZZ_SECONDS ?= 60
fuzz: deps-dev
	@cmake --preset fuzz
	@cmake --build --preset fuzz -j $(JOBS)
	@test/fuzz/run build/fuzz $(FUZZ_SECONDS)

# The pictures in docs/images, from generated events.
screenshots: install
	@test/browser/pictures docs/images

# Formatting, clang-tidy, the unit tests under the sanitizers, the regression tests under UBSan.
check: deps-dev
	@scripts/check

# The part of it that takes seconds.
check-quick:
	@scripts/install-packages debian-packages-check.txt
	@scripts/check quick

# Debian packages for the release that this machine runs, in build/packages.
package: deps
	@scripts/install-packages debian-packages-package.txt
	@scripts/package

# A release from the commit that is checked out, in build/release: source archive, packages, checksums, message for the tag.
release: deps
	@scripts/install-packages debian-packages-package.txt
	@scripts/release

format: deps-dev
	@git ls-files -co --exclude-standard '*.cc' '*.h' | xargs clang-format -i

clean:
	@rm -rf build
