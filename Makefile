# guest-customizer: `make demo` runs the main job, `make test` proves it. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON := .venv/bin/python
BUILD := build
export PYTHONDONTWRITEBYTECODE := 1

# Another distribution's kernel: KERNEL=/path/vmlinuz MODULES=/path/lib/modules/RELEASE
KERNEL ?=
MODULES ?=
# So many tests run beside each other, files of those that boot machines: a machine waits as much as it works.
WORKERS ?= 2
BESIDE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# zstd level of the initrd; 3 for quick builds
LEVEL ?= 19

GUEST_SOURCES := $(shell find guest -name '*.py' -o -name '*.conf' -o -name '*.sh' 2>/dev/null)
INITRD_SOURCES := $(wildcard initrd-build/*)
SHELL_SOURCES := setup/install.sh initrd-build/init initrd-build/floor-init guest/changes/first-boot.sh .ci/run

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.complete ## install what the rest needs: apt packages and .venv
.venv/.complete: setup/requirements.txt setup/apt-packages.txt pyproject.toml setup/install.sh
	@setup/install.sh

demo: iso ## build everything and turn a real Debian guest into somebody
	@$(PYTHON) qemu-tests/demo.py

test: check qemu-test ## all set-up and every test

check: format-check lint types shell unit ## everything that needs no QEMU

format-check: setup ## is the code formatted as ruff has it?
	@.venv/bin/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
lint: setup ## ruff
	@.venv/bin/ruff check --quiet .
types: setup ## mypy --strict
	@.venv/bin/mypy
shell: setup ## shellcheck
	@shellcheck $(SHELL_SOURCES)
unit: setup ## the tests that need no QEMU
	@$(PYTHON) -m pytest -q -n $(WORKERS) --dist load tests

format: setup ## format the code
	@.venv/bin/ruff check --quiet --fix . || true
	@.venv/bin/ruff format --quiet .

qemu-test: iso ## the tests that boot virtual machines
	@$(PYTHON) -m pytest -q -p no:cacheprovider $(BESIDE) qemu-tests

crash-test: iso ## every power cut that the recorded writes of a run allow, on ext4, xfs and btrfs
	@CRASH_POINTS=100000 $(PYTHON) -m pytest -q -s -p no:cacheprovider qemu-tests/test_block_crash.py

kill-test: iso ## a real guest, its customization killed at 40 moments; it boots each time (half an hour)
	@KILL_MOMENTS=40 $(PYTHON) -m pytest -q -s -p no:cacheprovider qemu-tests/test_kill.py

fuzz: setup ## the parsers, with atheris, FUZZ_SECONDS=60 each
	@test -x $(BUILD)/fuzz-venv/bin/python || python3 -m venv $(BUILD)/fuzz-venv
	@$(BUILD)/fuzz-venv/bin/pip install -q -r setup/fuzz-requirements.txt
	@$(BUILD)/fuzz-venv/bin/python tests/fuzz/run.py --seconds $(or $(FUZZ_SECONDS),60)

mutation: setup ## how many mistakes planted in apply, rollback, staging, journal, sysroot … the tests find (half an hour)
	@test -x $(BUILD)/mutation-venv/bin/cosmic-ray || { $(PYTHON) -m venv $(BUILD)/mutation-venv && \
	  $(BUILD)/mutation-venv/bin/pip install -q -r setup/requirements.txt && $(BUILD)/mutation-venv/bin/pip install -q cosmic-ray==8.7.0; }
	@$(BUILD)/mutation-venv/bin/python tests/mutation/run.py $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(RESUME),--resume)

iso: setup $(BUILD)/guest-customizer.iso ## build/guest-customizer.iso, build/vmlinuz, build/initrd.img

$(BUILD)/guest-customizer.iso: $(BUILD)/vmlinuz $(BUILD)/initrd.img host/iso.py
	@.venv/bin/guest-customizer iso --kernel $(BUILD)/vmlinuz --initrd $(BUILD)/initrd.img --output $@

# What was asked for on the command line: other values than last time rebuild what they are for.
$(BUILD)/wanted: FORCE
	@mkdir -p $(BUILD)
	@echo '$(KERNEL) $(MODULES) $(LEVEL)' | cmp -s - $@ || echo '$(KERNEL) $(MODULES) $(LEVEL)' >$@
FORCE:

ifneq ($(if $(KERNEL),yes),$(if $(MODULES),yes))
$(error KERNEL and MODULES go together: KERNEL=/path/vmlinuz MODULES=/path/lib/modules/RELEASE)
endif
ifeq ($(KERNEL),)
$(BUILD)/kernel/.complete: initrd-build/kernel.py | .venv/.complete
	@$(PYTHON) initrd-build/kernel.py --output $(BUILD)/kernel
	@touch $@
$(BUILD)/vmlinuz: $(BUILD)/kernel/.complete $(BUILD)/wanted
	@cp -L $(BUILD)/kernel/vmlinuz $@
KERNEL_READY := $(BUILD)/kernel/.complete
MODULES_FROM := $(BUILD)/kernel/modules
else
$(BUILD)/vmlinuz: $(KERNEL) $(BUILD)/wanted
	@cp -L $(KERNEL) $@
KERNEL_READY := $(KERNEL)
MODULES_FROM := $(MODULES)
endif

$(BUILD)/customizer.frozen: $(GUEST_SOURCES) initrd-build/freeze.py initrd-build/customizer.spec initrd-build/direct_import.py initrd-build/stand_ins.py initrd-build/compiled_ahead.py setup/requirements.txt | .venv/.complete
	@$(PYTHON) initrd-build/freeze.py --output $(BUILD)/customizer
	@touch $@

$(BUILD)/initrd.img: $(BUILD)/customizer.frozen $(KERNEL_READY) $(BUILD)/wanted $(INITRD_SOURCES)
	@$(PYTHON) initrd-build/build.py --modules $(MODULES_FROM) --customizer $(BUILD)/customizer --compress-level $(LEVEL) --output $@

bench: iso ## measure our ISO against virt-customize and against the floor
	@$(PYTHON) qemu-tests/bench.py

docs: setup ## generate docs/configuration.md and docs/result-codes.md from the code
	@$(PYTHON) docs/generate.py

requirements: ## compile setup/requirements.txt anew, with hashes
	@python3 -m venv $(BUILD)/pip-tools && $(BUILD)/pip-tools/bin/pip install -q pip-tools
	@cd setup && ../$(BUILD)/pip-tools/bin/pip-compile -q --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host requirements.in -o requirements.txt

clean: ## remove what was built (not .venv)
	@rm -rf $(BUILD)

.PHONY: help setup demo test check format-check lint types shell unit format qemu-test crash-test kill-test fuzz mutation iso bench docs requirements clean FORCE
