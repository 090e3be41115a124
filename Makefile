# holt - the only build file. `make help` lists the targets.
#
# CONFIG  release (default) | dev (ASan + UBSan, checks on)
# BUILD   where objects go; several builds may run beside each other
# WERROR  1 makes every warning an error (CI sets it)

CONFIG ?= release
BUILD  ?= build/$(CONFIG)
CC     ?= cc
PREFIX ?= /usr/local
V      ?= 0
Q       = $(if $(filter 0,$(V)),@)

VERSION := 0.1.0
FOLDERS := $(shell sed -n 's/^\([a-z]*\):.*/\1/p' dev/layers.txt)

# ---------------------------------------------------------------- flags
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
    -Wold-style-definition -Wvla -Wundef -Wcast-qual -Wwrite-strings -Wformat=2 \
    -Wimplicit-fallthrough -Wpointer-arith -Wswitch-enum -Wdouble-promotion $(if $(filter 1,$(WERROR)),-Werror)
FLAGS_release := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
FLAGS_dev     := -O1 -DHOLT_DEBUG -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer -fPIE
FLAGS_fuzz    := -O1 -DHOLT_DEBUG -fsanitize=fuzzer-no-link,address,undefined \
    -fno-sanitize-recover=all -fPIE
LINK_release  := -pie -Wl,-z,relro,-z,now
LINK_dev      := -pie -fsanitize=address,undefined
PKGS := jansson libpcre2-8 libutf8proc libsodium sqlite3 libseccomp libedit yaml-0.1 libmicrohttpd libcurl
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lmd4c
HOLT_CFLAGS := -std=c17 -D_GNU_SOURCE -g -fno-common -fno-strict-aliasing -ffp-contract=off \
    -fvisibility=hidden -pthread -Isrc -I. -include base/banned.h $(WARNINGS) $(FLAGS_$(CONFIG)) \
    $(PKG_CFLAGS) -DHOLT_VERSION='"$(VERSION)"' -DHOLT_DATA_DIR='"$(PREFIX)/share/holt"'
HOLT_LIBS := $(PKG_LIBS) -lm -pthread

# A kernel's file suffix picks its instruction set; every other file is the baseline. They are
# always optimized and never instrumented (that takes minutes each): checkkernel has guard pages.
ISA_avx2   := -O2 -fno-sanitize=all -mavx2 -mfma -mf16c
ISA_avx512 := $(ISA_avx2) -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni
ISA_avx512vbmi := $(ISA_avx512) -mavx512vbmi
ISA_neon   := -O2 -fno-sanitize=all -march=armv8.2-a+dotprod
# Loops over plain arrays that the compiler makes vectors of, which -O2 of gcc 12 leaves alone.
$(BUILD)/src/kernel/x86/code_%.o $(BUILD)/src/kernel/arm/code_%.o: LOOPS := -O3
isa_flags   = $(ISA_$(lastword $(subst _, ,$(basename $(notdir $(1))))))

# ---------------------------------------------------------------- the program
FOREIGN := $(if $(findstring aarch64,$(shell $(CC) -dumpmachine)),%_avx2.c %_avx512.c src/kernel/x86/%,src/kernel/arm/%)
sources = $(filter-out $(FOREIGN),$(wildcard src/$(1)/*.c src/$(1)/*/*.c))
objects = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
HOLT_OBJECTS := $(foreach f,$(FOLDERS),$(call objects,$(f))) $(BUILD)/src/main.o

.PHONY: all dev run test test-clients check lint fmt bench fuzz soak builtin install uninstall clean help setup
all: $(BUILD)/holt
	$(Q)$(if $(filter release,$(CONFIG)),ln -f $(BUILD)/holt build/holt)

$(BUILD)/holt: $(HOLT_OBJECTS)
	$(Q)$(CC) $(LINK_$(CONFIG)) $^ -o $@ $(HOLT_LIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOLT_CFLAGS) $(CFLAGS) $(call isa_flags,$<) $(LOOPS) $(if $(filter tests/%,$<),-Wno-missing-prototypes) -MMD -MP -c $< -o $@

$(BUILD)/src/engine/builtin_model.o: models/builtin.gguf

dev:
	$(Q)$(MAKE) --no-print-directory CONFIG=dev

# ---------------------------------------------------------------- tests: one program per folder
# Folders come bottom to top, so what a folder stands on is known before the folder.
$(foreach f,$(FOLDERS),$(eval BELOW_$(f) := $(sort $(foreach d,\
    $(shell sed -n 's/^$(f): *//p' dev/layers.txt),$(d) $(BELOW_$(d))))))
TEST_FOLDERS := $(foreach f,$(FOLDERS),$(if $(wildcard tests/unit/$(f)/test_*.c),$(f)))
TEST_PROGRAMS := $(TEST_FOLDERS:%=$(BUILD)/tests/test_%)
test_names = $(patsubst tests/unit/$(1)/%.c,%,$(wildcard tests/unit/$(1)/test_*.c))

define test_program
$(BUILD)/tests/main_$(1).c: $(wildcard tests/unit/$(1)) Makefile
	@mkdir -p $$(@D)
	@{ for t in $(call test_names,$(1)); do echo "int $$$$t(void);"; done; \
	   echo 'int main(void) { int failed = 0;'; \
	   for t in $(call test_names,$(1)); do echo "failed += $$$$t();"; done; \
	   echo 'return failed != 0; }'; } > $$@
$(BUILD)/tests/test_$(1): $(BUILD)/tests/main_$(1).o \
    $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/unit/$(1)/*.c) $(wildcard tests/*.c)) \
    $(foreach f,$(1) $(BELOW_$(1)),$(call objects,$(f)))
	$$(Q)$$(CC) $$(LINK_$$(CONFIG)) $$^ -o $$@ $$(HOLT_LIBS) -lcmocka
endef
$(foreach f,$(TEST_FOLDERS),$(eval $(call test_program,$(f))))

$(BUILD)/tests/main_%.o: $(BUILD)/tests/main_%.c
	$(Q)$(CC) -w -c $< -o $@

.PHONY: unit $(TEST_FOLDERS:%=unit-%)
unit: $(TEST_FOLDERS:%=unit-%)
$(TEST_FOLDERS:%=unit-%): unit-%: $(BUILD)/tests/test_%
	$(Q)$<

# ---------------------------------------------------------------- kernels at every CPU level
.PHONY: check-kernels
$(BUILD)/tests/checkkernel: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/kernel/*.c)) \
    $(foreach f,kernel $(BELOW_kernel),$(call objects,$(f)))
	$(Q)$(CC) $(LINK_$(CONFIG)) $^ -o $@ $(HOLT_LIBS)
check-kernels: $(BUILD)/tests/checkkernel
	$(Q)$< $(if $(LEVEL),--level $(LEVEL)) $(if $(SEED),--seed $(SEED))

# NEON, on a machine that is not ARM: checkkernel needs no library, so it is cross-built statically
# and runs in an emulator, with a part of the cases.
.PHONY: check-kernels-arm
check-kernels-arm:
	$(Q)$(MAKE) --no-print-directory CC=aarch64-linux-gnu-gcc BUILD=build/arm LINK_release=-static \
	    PKG_CFLAGS= HOLT_LIBS='-lm -pthread' build/arm/tests/checkkernel
	$(Q)qemu-aarch64 -cpu max build/arm/tests/checkkernel --part 12 $(if $(SEED),--seed $(SEED))

# ---------------------------------------------------------------- fuzzing
# fuzz_NAME is built with clang's libFuzzer; replay_NAME runs the same target over a corpus, with
# any compiler, and counts files.
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
LIB_OBJECTS := $(filter-out $(BUILD)/src/main.o,$(HOLT_OBJECTS))
FUZZ_SECONDS ?= 5
LINK_fuzz  := -pie -fsanitize=fuzzer,address,undefined

$(BUILD)/tests/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(LIB_OBJECTS)
	$(Q)$(CC) $(LINK_$(CONFIG)) $^ -o $@ $(HOLT_LIBS)
$(BUILD)/tests/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(LIB_OBJECTS)
	$(Q)$(CC) $(LINK_$(CONFIG)) $^ -o $@ $(HOLT_LIBS)
$(BUILD)/tests/replay_tool_mask $(BUILD)/tests/fuzz_tool_mask: HOLT_LIBS += -lcmocka # a small vocabulary
$(BUILD)/tests/replay_texts $(BUILD)/tests/fuzz_texts: HOLT_LIBS += -lcmocka # small encoders
.PHONY: replay-programs fuzz-programs
replay-programs: $(FUZZERS:%=$(BUILD)/tests/replay_%)
fuzz-programs: $(FUZZERS:%=$(BUILD)/tests/fuzz_%)
fuzz: setup-test
	$(Q)$(MAKE) --no-print-directory CONFIG=fuzz CC=clang fuzz-programs
	$(Q)dev/fuzz.sh $(FUZZ_SECONDS) $(FUZZERS)

# ---------------------------------------------------------------- the front door
.PHONY: setup-test test-programs
setup:
	$(Q)dev/setup.sh build
setup-test:
	$(Q)dev/setup.sh test
test-programs: $(TEST_PROGRAMS) replay-programs

run: setup
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)dev/demo.sh
test: setup-test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all $(BUILD)/tests/checkkernel
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) CONFIG=dev test-programs
	$(Q)dev/test.sh
# Published clients of other projects, from their registries, on the built program.
test-clients: all
	$(Q)tests/clients/run.sh
check: setup-test lint
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all $(BUILD)/tests/checkkernel
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) CONFIG=dev test-programs
	$(Q)dev/test.sh quick
lint:
	$(Q)git ls-files -co --exclude-standard -- '*.c' '*.h' | xargs clang-format --dry-run -Werror
	$(Q)dev/tidy.py
fmt:
	$(Q)git ls-files -co --exclude-standard -- '*.c' '*.h' | xargs clang-format -i
soak: test
	$(Q)$(MAKE) --no-print-directory $(BUILD)/tests/test_infer $(BUILD)/tests/test_engine
	$(Q)$(MAKE) --no-print-directory CONFIG=fuzz CC=clang fuzz-programs
	$(Q)dev/soak.sh
$(BUILD)/tests/bench_%: $(BUILD)/tests/bench/bench_%.o $(LIB_OBJECTS)
	$(Q)$(CC) $(LINK_$(CONFIG)) $^ -o $@ $(HOLT_LIBS)
# What keeping keys and values as codes costs (docs/kv.md).
.PHONY: bench-kv
bench-kv: $(BUILD)/tests/bench_kv
	$(Q)$<
# The server under load (tests/bench/serve_load.py): PARTS of it, PEER=URL: another one in turns.
.PHONY: bench-serve
bench-serve: all
	$(Q)python3 tests/bench/serve_load.py build/holt $(if $(MODEL),-m $(MODEL)) \
	    $(if $(PEER),--peer $(PEER)) $(PARTS)
# VOCAB=FILE.gguf: whose tokenizer is measured; TEXT=FILE: on what; PEER_TOKENIZER=COMMAND: another
# program in turns with it, see tests/bench/bench_encode.c.
bench: all $(BUILD)/tests/checkkernel $(BUILD)/tests/bench_mask $(BUILD)/tests/bench_encode
	$(Q)HOLT_COMMIT=$$(git rev-parse --short HEAD 2>/dev/null) build/holt bench \
	    $(if $(MODEL),-m $(MODEL)) --csv bench/results/ $(BENCH)
	$(Q)$(BUILD)/tests/bench_encode $(if $(VOCAB),--vocab $(VOCAB)) $(if $(TEXT),--text $(TEXT)) \
	    $(if $(PEER_TOKENIZER),--peer '$(PEER_TOKENIZER)')
	$(Q)$(BUILD)/tests/checkkernel --bench
	$(Q)$(BUILD)/tests/bench_mask
builtin:
	$(Q)train/run.sh

# ---------------------------------------------------------------- documents and installation
DOCS := build/docs/holt.1 build/docs/holt.bash build/docs/_holt build/docs/holt.fish
INSTALLED := bin/holt share/man/man1/holt.1 share/bash-completion/completions/holt \
    share/zsh/site-functions/_holt share/fish/vendor_completions.d/holt.fish \
    lib/systemd/user/holt@.service share/doc/holt/LICENSE
.PHONY: docs prefix-check
docs: $(DOCS)
$(DOCS): build/holt
	@mkdir -p $(@D)
	$(Q)$< $(if $(filter %.1,$@),man,completions $(if $(filter %.bash,$@),bash,$(if $(filter %.fish,$@),fish,zsh))) > $@
build/holt: all

# The program knows where it is installed; another PREFIX compiles the one file that says so anew.
prefix-check:
	@mkdir -p $(BUILD)
	@echo '$(PREFIX)' | cmp -s - $(BUILD)/prefix || echo '$(PREFIX)' > $(BUILD)/prefix
$(BUILD)/prefix: prefix-check ;
$(BUILD)/src/cli/eval_task.o: $(BUILD)/prefix

install: docs
	$(Q)install -D -m 755 build/holt $(DESTDIR)$(PREFIX)/bin/holt
	$(Q)install -D -m 644 build/docs/holt.1 $(DESTDIR)$(PREFIX)/share/man/man1/holt.1
	$(Q)install -D -m 644 build/docs/holt.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/holt
	$(Q)install -D -m 644 build/docs/_holt $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_holt
	$(Q)install -D -m 644 build/docs/holt.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/holt.fish
	$(Q)install -D -m 644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/holt/LICENSE
	$(Q)install -d $(DESTDIR)$(PREFIX)/share/holt/eval $(DESTDIR)$(PREFIX)/lib/systemd/user
	$(Q)install -m 644 tests/eval/builtin.jsonl tests/eval/wordings.jsonl tests/eval/README.md $(DESTDIR)$(PREFIX)/share/holt/eval
	$(Q)sed 's|@PREFIX@|$(PREFIX)|' share/holt@.service > $(DESTDIR)$(PREFIX)/lib/systemd/user/holt@.service
	@echo "holt is in $(DESTDIR)$(PREFIX)/bin"
uninstall:
	$(Q)rm -f $(INSTALLED:%=$(DESTDIR)$(PREFIX)/%)
	$(Q)rm -rf $(DESTDIR)$(PREFIX)/share/holt
	@rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/share/doc/holt 2>/dev/null || true

#> make              build build/holt
#> make run          build it and watch the agent work in a folder
#> make test         all tests (make check: the quick ones, and lint)
#> make test-clients published SDKs, frameworks and coding agents on it (PyPI, npm)
#> make install      into PREFIX (/usr/local), below DESTDIR; make uninstall takes it away
#> make docs         man page and shell completions, in build/docs
#> make dev          build with sanitizers, in build/dev
#> make check-kernels-arm  the kernels of 64-bit ARM, in an emulator
#> make lint | fmt   layout, layers, limits; fmt mends the layout
#> make bench        speed beside the machine's limits (MODEL, BENCH='options of holt bench', VOCAB,
#>                   TEXT, PEER_TOKENIZER)
#> make bench-kv     quality of keys and values as codes
#> make bench-serve  the server under load (MODEL, PEER=URL, PARTS)
#> make fuzz | soak  the parsers, for some seconds; everything, for hours
#> make builtin      train the built-in model again
#> make clean        forget what was built
help:
	@sed -n 's/^#> //p' $(firstword $(MAKEFILE_LIST))

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
