# The commands of the repository. Each sets up what it needs, and does nothing twice.
#
#   make run      start the appliance here, with simulated hardware where there is none
#   make test     all tests that need no second machine
#   make fuzz     makes up what strangers can send, for hours (FUZZ_RUNS: of each target, 10000000; FUZZ_TARGETS: all)
#   make check    format, lints, documentation, licences
#   make deb      the Debian package for this machine, or with ARCH=arm64 cross-built, in target/debian/
#   make package-test  installs, upgrades and purges the package in a root file system of its own (ARCH too)
#   make image    the image that boots and its update bundle, in target/image/, with BOARD=qemu, rpi4 or rpi5
#   make machine-test  boots the image in QEMU with devices that its kernel makes, asks it, and cuts its power
#   make image-test    updates and resets the image in QEMU, and has updates fail
#   make buildroot-dist   the source archive that Buildroot builds the daemon of, in target/buildroot/
#   make buildroot-check BUILDROOT=<checkout>   Buildroot's own checks of the tree in buildroot/
#   make bench    measure, into target/bench/ (BENCH_MINUTES: of joins and leaves, 10; of the comparison with other
#                 servers BENCH_REPEATS: 3, BENCH_WINDOW: 15 s, and where BENCH_GALENE and BENCH_MEDIASOUP are; of each
#                 bad network NETWORK_WINDOW_S: 30, with the dice NETWORK_SEED: 7); all of it takes about an hour and a
#                 half

# Shared by all checkouts of this user, so that a fresh clone does not build the world again.
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/alcove
CARGO_TARGET_DIR ?= $(cache)/target
# Where `make run` keeps keys and tokens from one start to the next.
ALCOVE_STATE ?= $(or $(XDG_STATE_HOME),$(HOME)/.local/state)/alcove
export CARGO_TARGET_DIR

page := src/web/client
dist := $(page)/dist/index.html
page_sources := $(shell find $(page) -path $(page)/node_modules -prune -o -path $(page)/dist -prune -o -type f -print)

# What packages are built for.
ARCH ?= $(shell dpkg --print-architecture)

.PHONY: run test test-rust test-page test-browser check deb package-test image machine-test image-test bench \
  setup-build setup-run setup-servers setup-page setup-check setup-test setup-bench setup-package setup-image setup-machine

run: setup-build setup-run $(dist)
	cargo build --release --locked
	exec $(CARGO_TARGET_DIR)/release/alcove run --state $(ALCOVE_STATE)

test: test-rust test-page test-browser

test-rust: setup-build setup-run setup-servers $(dist)
	cargo test --workspace --locked

test-page: setup-page
	npm --prefix $(page) test

test-browser: setup-build setup-run setup-servers setup-test $(dist)
	cargo build --release --locked
	npm --prefix tests/browser test

check: setup-build setup-check setup-page $(dist)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps --document-private-items --locked
	npm --prefix $(page) run check
	systemd/check
	buildroot/board/rpi/check-bootloader
	$(cache)/tools/bin/cargo-deny --all-features --log-level error check licenses bans sources

deb: setup-build setup-package $(dist)
	systemd/debian/build $(ARCH)

package-test: deb setup-image
	tests/machine/package target/debian/alcove_*_$(ARCH).deb

# Images are always of arm64, and so is the guest: what is tested is what the boards get.
image guest machine-test image-test: ARCH := arm64
image: deb setup-image
	@[ -n "$(BOARD)" ] || { echo "say for which board: make image BOARD=qemu, rpi4 or rpi5" >&2; exit 1; }
	buildroot/debian-image/build $(BOARD) target/debian/alcove_*_arm64.deb

machine-test: guest
	npm --prefix tests/browser run machine -- room.spec power.spec

image-test: guest
	npm --prefix tests/browser run machine -- image.spec

.PHONY: guest
guest: deb setup-image setup-machine setup-test
	tests/machine/build target/debian/alcove_*_arm64.deb

.PHONY: buildroot-dist buildroot-check setup-buildroot
buildroot-dist: $(dist)
	buildroot/package/alcove/dist

buildroot-check: setup-buildroot buildroot-dist
	buildroot/check $(BUILDROOT)

setup-buildroot:
	@.ci/setup buildroot cross

.PHONY: fuzz setup-fuzz
FUZZ_RUNS ?= 10000000
fuzz: setup-build setup-fuzz $(dist)
	PATH="$(cache)/tools/bin:$$PATH" tests/fuzz/run $(FUZZ_RUNS) $(FUZZ_TARGETS)

setup-fuzz:
	@.ci/setup fuzz

bench: setup-build setup-run setup-servers setup-test setup-bench $(dist)
	cargo build --release --locked --package alcove --package alcove-bench
	ALCOVE_BIN=$(CARGO_TARGET_DIR)/release/alcove $(CARGO_TARGET_DIR)/release/alcove-bench --out target/bench
	ALCOVE_BIN=$(CARGO_TARGET_DIR)/release/alcove npm --prefix tests/browser run bench

$(dist): $(page_sources) | setup-page
	npm --prefix $(page) run build

setup-build:
	@.ci/setup build
setup-run:
	@.ci/setup run
setup-servers:
	@.ci/setup servers
setup-page:
	@.ci/setup page
setup-check:
	@.ci/setup check
setup-test:
	@.ci/setup test
setup-bench:
	@.ci/setup bench
setup-image:
	@.ci/setup image
setup-machine:
	@.ci/setup machine
setup-package:
	@.ci/setup package $(if $(filter-out $(shell dpkg --print-architecture),$(ARCH)),cross)
