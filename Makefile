# klaviyo: make help lists the targets.

LUA        = lua5.4
LIVE       =
QUIET      = $(if $(V),,@)
SAY        = @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,echo)
PREFIX     = /usr/local
DESTDIR    =
PKG_CONFIG = pkg-config
BUSTED     = /usr/bin/busted
LUACHECK   = /usr/bin/luacheck
SPEC       =

ifeq ($(origin CC),default)
CC = gcc
endif
CFLAGS ?= -O2 -g

# luajit is a Lua 5.1 to everything that files modules by version
LUA_VERSION = $(patsubst lua%,%,$(subst luajit,lua5.1,$(LUA)))
LUA_DIR = $(DESTDIR)$(PREFIX)/share/lua/$(LUA_VERSION)
LIB_DIR = $(DESTDIR)$(PREFIX)/lib/lua/$(LUA_VERSION)

WARNINGS = -Wall -Wextra -pedantic -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wold-style-definition -Wsign-compare -Wcast-qual \
  -Wwrite-strings -Wundef -Wredundant-decls -Wdouble-promotion -Wvla \
  -Wnull-dereference -Wformat=2 -Wimplicit-fallthrough -Wpointer-arith \
  -Wcast-align -Wswitch-enum -Wunused-macros -Wmissing-declarations \
  -Wconversion -Wno-sign-conversion \
  -Werror=implicit-function-declaration

# what lua/klaviyo/shared_object.lua compares
KLAVIYO_VERSION = $(shell sed -n 's/^return "\(.*\)"$$/\1/p' lua/klaviyo/version.lua)

# one flavour of the core: where it goes, and what it is built with besides
OUT    = build/$(LUA)
EXTRA  =
C_ALL  = -std=c99 -D_GNU_SOURCE=1 -DKLAVIYO_VERSION='"$(KLAVIYO_VERSION)"' -fPIC \
  -fvisibility=hidden $(WARNINGS) \
  $(EXTRA) $(LUA_CFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS) $(SQLITE_CFLAGS) \
  $(CPPFLAGS) $(CFLAGS)
# nodelete: libcurl and a running thread must outlive lua_close
LD_ALL = -shared -Wl,-z,nodelete -Wl,-z,relro -Wl,--as-needed $(EXTRA) \
  $(LDFLAGS)

# asked when used, not when read: make setup runs before pkg-config exists
LUA_CFLAGS  = $(shell $(PKG_CONFIG) --cflags $(LUA))
LUA_LIBS    = $(shell $(PKG_CONFIG) --libs $(LUA))
CURL_CFLAGS = $(shell $(PKG_CONFIG) --cflags libcurl)
CURL_LIBS   = $(shell $(PKG_CONFIG) --libs libcurl)
CRYPTO_CFLAGS = $(shell $(PKG_CONFIG) --cflags libcrypto)
CRYPTO_LIBS   = $(shell $(PKG_CONFIG) --libs libcrypto)
SQLITE_CFLAGS = $(shell $(PKG_CONFIG) --cflags sqlite3 2>/dev/null)
SQLITE_LIBS   = $(shell $(PKG_CONFIG) --libs sqlite3)

# three shared objects: the core needs libcurl alone, digest libcrypto alone,
# and the outbox, a rock of its own, SQLite alone
CORE    = $(patsubst csrc/%.c,$(OUT)/obj/%.o,$(sort $(wildcard csrc/*.c)))
DIGEST  = $(patsubst csrc/%.c,$(OUT)/obj/%.o,$(sort $(wildcard csrc/digest/*.c)))
OUTBOX  = $(patsubst csrc/%.c,$(OUT)/obj/%.o,$(sort \
  $(wildcard csrc/outbox/*.c)))
OBJECTS = $(CORE) $(DIGEST) $(OUTBOX)
MODULES = $(shell find lua -name '*.lua' ! -path 'lua/klaviyo/outbox*' | sort)
OUTBOX_MODULES = $(shell find lua -path 'lua/klaviyo/outbox*' -name '*.lua' | \
  sort)

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -fno-omit-frame-pointer
ASAN = build/asan-$(LUA)
# Sanitized are all specs that cross the core here: not those of what is Lua
# alone, nor of what runs in nginx, which is not sanitized. Nor those that
# measure (memory_spec.lua, #memory, #time): both are not then what they are.
UNCROSSED = spec/bulk/% spec/gateway/% spec/nginx/% spec/outbox/nginx_spec.lua \
  spec/sandbox/% spec/support/% $(patsubst %,spec/%_spec.lua,catalogue datetime docs document examples \
  gateway manual memory misuse openapi receiver sandbox)
ASAN_SPEC = $(or $(SPEC),$(filter-out $(UNCROSSED), \
  $(sort $(shell find spec -name '*_spec.lua'))))

RACES = -fsanitize=thread -fno-omit-frame-pointer
TSAN = build/tsan-$(LUA)
TSAN_SPEC = $(or $(SPEC),spec/core/thread_spec.lua)

# What the core is where there is no Linux: specs that cross it.
PORTABLE = build/portable-$(LUA)
PORTABLE_SPEC = $(or $(SPEC),spec/core $(patsubst %,spec/%_spec.lua,client \
  connections failures iterator loops map prefetch tasks transport))

# What runs libcurl's every way, in the time it takes under valgrind, which
# measures no memory and no time; #native is what it is too slow for, and
# children that leave their parent's engine be.
VALGRIND = valgrind -q --leak-check=full --show-leak-kinds=definite,possible \
  --errors-for-leak-kinds=definite,possible --error-exitcode=86 \
  --child-silent-after-fork=yes --num-callers=30
VALGRIND_SPEC = $(or $(SPEC),spec/core $(patsubst %,spec/%_spec.lua,digest \
  connections failures tasks))

# Of what must outlive what made it, and need not.
COLLECTED = $(or $(SPEC),spec/core $(patsubst %,spec/%_spec.lua,client \
  connections iterator map prefetch tasks))

# The plain floor under libFuzzer, and a target for each of spec/fuzz/*.c
SECONDS = 30
FUZZ    = build/fuzz
TARGET  = $(sort $(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c)))
FLOOR   = $(filter-out $(OUT)/obj/lua_%.o $(OUT)/obj/binding.o \
  $(OUT)/obj/core.o,$(CORE))
FUZZED  = CC=clang OUT=$(FUZZ) \
  EXTRA='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'

# a word of the shell, whatever is in it
quoted = '$(subst ','\'',$(1))'
root = $(subst ','\'',$(CURDIR))
ENV  = LUA_PATH='$(root)/lua/?.lua;$(root)/lua/?/init.lua;;' \
  LUA_CPATH='$(root)/$(OUT)/?.so;;'
# What another run, or the machine's own programs, used of the rate limits is
# counted in another file.
SPEC_RUN = '$(root)/$(OUT)/run/$@'
SPEC_ENV = mkdir -p $(SPEC_RUN) && chmod 700 $(SPEC_RUN) && \
  rm -f $(SPEC_RUN)/* && $(ENV) \
  KLAVIYO_RATE_LIMIT_FILE=$(SPEC_RUN)/rate-limits
EXPORT_PATH = export LUA_PATH=$(call \
  quoted,$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;)"$${LUA_PATH:-;}"
EXPORT_CPATH = export LUA_CPATH=$(call \
  quoted,$(CURDIR)/$(OUT)/?.so;)"$${LUA_CPATH:-;}"

.PHONY: help setup build objects env probes spec asan tsan portable valgrind \
  rock lint warnings check fuzz planted collector coverage \
  test demo demo-nginx dist sandbox \
  install install-outbox catalogue \
  catalogue-check contract reference bench bench-setup soak once clean FORCE
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#: //p' Makefile

#: make demo                 every call of the reference, against the sandbox
#:                           (LIVE=1 and KLAVIYO_API_KEY: the real service)
#: make demo-nginx           the same by curl, through the gateway in nginx
#: make test                 all there is: specs, rock, lint, sanitizers
#: make setup                install by apt what the rest needs
#: make build LUA=luajit     the core for lua5.4 (default) or luajit
#: make env LUA=luajit       lines for eval: LUA_PATH and LUA_CPATH
#: make spec SPEC=spec/x_spec.lua   the specs, or some of them
#: make asan SPEC=…          the specs under ASan and UBSan
#: make tsan SPEC=…          specs of its threads under TSan
#: make portable SPEC=…      specs of the core as it is without epoll
#: make valgrind SPEC=…      specs of the core under memcheck
#: make rock                 install the rock into empty trees, and use it
#: make lint | warnings      luacheck and friends | gcc and clang, -Werror
#: make check                clang-tidy and cppcheck, where they are
#: make fuzz SECONDS=30 [TARGET=links]   hostile input, under clang's sanitizers
#: make planted              do the fuzzers find bugs that are planted?
#: make collector SPEC=…     specs under a collector that misses no chance
#: make coverage             how much of the core and of lua/ the specs run;
#:                           V=1: and which lines not
#: make sandbox ARGS="profiles=2500 limits"   a stand-in of the API; a line
#:                           for eval on stdout (docs/testing.md)
#: make dist                 a source archive and a source rock, in build/
#: make install DESTDIR= PREFIX= LUA=     and install-outbox, with SQLite
#: make catalogue SPEC=openapi.json   regenerate a revision's data files
#: make catalogue-check      are the data files what their documents make?
#: make contract             check the wire against the service's documents
#: make reference            what is made of the sources in docs and README.md
#: make bench                what calls cost, beside libcurl and others' clients
#: make bench-setup          install, to compare with, those others' clients
#: make soak LUA=luajit      three minutes at the limits, in four processes
#: make once                 10,000 events under faults, 3,000 in an outbox:
#:                           each is there, once
#: make clean
#:
#: Honoured: CC CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG, and V=1 to see commands.

setup:
	@./tools/setup.sh

# built by a make of its own: this one was read before setup had run
demo: setup
	@$(MAKE) --no-print-directory -s build LUA=$(LUA)
	@$(ENV) $(if $(LIVE),LIVE=$(LIVE) )$(LUA) examples/reference.lua

demo-nginx: setup
	@$(MAKE) --no-print-directory -s build LUA=luajit
	@$(MAKE) --no-print-directory -s build LUA=$(LUA)
	@$(ENV) $(LUA) examples/nginx/demo.lua

test: setup
	@./tools/test.sh

build: $(OUT)/klaviyo/core.so $(OUT)/klaviyo/digest.so $(if $(shell \
  $(PKG_CONFIG) --exists sqlite3 2>/dev/null && echo there), \
  $(OUT)/klaviyo/outbox/store.so)

$(OUT)/klaviyo/core.so: $(CORE)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(CC) $(LD_ALL) -o $@ $(CORE) $(CURL_LIBS)

$(OUT)/klaviyo/digest.so: $(DIGEST)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(CC) $(LD_ALL) -o $@ $(DIGEST) $(CRYPTO_LIBS)

$(OUT)/klaviyo/outbox/store.so: $(OUTBOX) $(OUT)/obj/buffer.o
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(CC) $(LD_ALL) -o $@ $^ $(SQLITE_LIBS) -lpthread

objects: $(OBJECTS)

$(OUT)/obj/%.o: csrc/%.c $(OUT)/obj/flags
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) -MMD -MP -c -o $@ $<

# other flags, other objects
$(OUT)/obj/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(C_ALL) $(LD_ALL)' | cmp -s - $@ || \
	  printf '%s\n' '$(CC) $(C_ALL) $(LD_ALL)' >$@

-include $(OBJECTS:.o=.d)

env:
	@printf '%s\n' $(call quoted,$(EXPORT_PATH)) $(call quoted,$(EXPORT_CPATH))

# The budget by a clock of the specs' own; forks; names that are slow to find;
# threads.
PROBES = $(OUT)/budget_probe $(OUT)/spec_fork.so $(OUT)/spec_slow_names.so \
  $(OUT)/scarce/klaviyo/core.so $(OUT)/threads

$(OUT)/budget_probe: spec/support/budget_probe.c csrc/budget.c $(CORE)
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) $(foreach name,pwrite clock_gettime, \
	  -Wl,--wrap=$(name)) -o $@ $< $(addprefix $(OUT)/obj/, \
	  rate_limit_file.o usage.o buffer.o clock.o headers.o) $(CURL_LIBS)

$(OUT)/spec_%.so: spec/support/%.c
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) -shared $(EXTRA) -o $@ $< -ldl

# a program with a Lua state in each of its threads
$(OUT)/threads: spec/support/threads.c
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) -o $@ $< $(LUA_LIBS) -lpthread

# a core that memory can be refused
$(OUT)/scarce/klaviyo/core.so: spec/support/scarce.c $(CORE)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(CC) $(C_ALL) $(LD_ALL) \
	  $(foreach name,malloc calloc realloc curl_global_init,-Wl,--wrap=$(name)) \
	  -o $@ $< $(CORE) $(CURL_LIBS)

probes: $(PROBES)

spec: build probes
	$(QUIET)$(SPEC_ENV) LUA=$(LUA) $(LUA) $(BUSTED) $(SPEC)

portable:
	@$(MAKE) --no-print-directory build OUT=$(PORTABLE) \
	  EXTRA=-DKLAVIYO_PORTABLE
	@$(MAKE) --no-print-directory spec OUT=$(PORTABLE) \
	  EXTRA=-DKLAVIYO_PORTABLE SPEC='$(PORTABLE_SPEC)'

valgrind: build probes
	@$(SPEC_ENV) LUA=$(LUA) $(VALGRIND) $(LUA) $(BUSTED) \
	  --exclude-tags=memory,time,native $(VALGRIND_SPEC)

lint:
	@$(LUACHECK) -q --no-color .
	@lua5.4 tools/style.lua

$(ASAN)/lua $(TSAN)/lua: tools/host.c Makefile
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) -std=c99 $(WARNINGS) $(SANITIZE) -g $(LUA_CFLAGS) -o $@ $< \
	  $(LUA_LIBS)

# the host as LUA too: specs that start an interpreter must start this one
asan: OUT = $(ASAN)
asan: $(ASAN)/lua
	@$(MAKE) --no-print-directory build probes OUT=$(ASAN) \
	  EXTRA='$(SANITIZE)'
	@$(SPEC_ENV) LUA='$(root)/$(ASAN)/lua' \
	  ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:exitcode=86 \
	  UBSAN_OPTIONS=print_stacktrace=1 \
	  $(ASAN)/lua $(BUSTED) --exclude-tags=memory,time $(ASAN_SPEC)

# the threads of the core, each look of one at what another writes
tsan: OUT = $(TSAN)
tsan: SANITIZE = $(RACES)
tsan: $(TSAN)/lua
	@$(MAKE) --no-print-directory build probes OUT=$(TSAN) EXTRA='$(RACES)'
	@$(SPEC_ENV) LUA='$(root)/$(TSAN)/lua' \
	  TSAN_OPTIONS=exitcode=86 \
	  $(TSAN)/lua $(BUSTED) --exclude-tags=memory,time,native $(TSAN_SPEC)

warnings:
	@for cc in gcc clang; do for lua in lua5.1 luajit lua5.4; do \
	  echo "$$cc, headers of $$lua"; \
	  $(MAKE) --no-print-directory -s objects CC=$$cc LUA=$$lua \
	    OUT=build/warnings/$$cc-$$lua EXTRA=-Werror -j 2 || exit 1; \
	done; \
	  echo "$$cc, what is not for Linux"; \
	  $(MAKE) --no-print-directory -s objects CC=$$cc LUA=lua5.4 \
	    OUT=build/warnings/$$cc-portable \
	    EXTRA='-Werror -DKLAVIYO_PORTABLE' -j 2 || exit 1; \
	done

check:
	@./tools/check.sh

# a make of its own: these objects are made in other ways than all others
fuzz:
	@$(MAKE) --no-print-directory -s -j 2 $(FUZZED) \
	  $(addprefix $(FUZZ)/,$(TARGET))
	@./tools/fuzz.sh $(SECONDS) $(TARGET)

$(FUZZ)/thread: spec/fuzz/engine.c

planted:
	@./tools/planted.sh

# an archive: a target that has a file whole, as source, gets it but once
$(FUZZ)/floor.a: $(FLOOR)
	$(SAY) '  AR  $@'
	$(QUIET)rm -f $@ && ar rc $@ $^

$(FUZZ)/%: spec/fuzz/%.c $(wildcard spec/fuzz/*.h) $(FUZZ)/floor.a
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(filter-out -fPIC,$(C_ALL)) -fsanitize=fuzzer -o $@ $< \
	  $(FUZZ)/floor.a $(CURL_LIBS) -lpthread

collector: build probes
	@for kind in full young; do \
	  $(SPEC_ENV) LUA=$(LUA) COLLECTOR=$$kind \
	    $(LUA) -e 'dofile "spec/support/collector.lua"' $(BUSTED) \
	    --exclude-tags=memory,time,native $(COLLECTED) || exit 1; \
	done

coverage:
	@./tools/coverage.sh $(if $(V),-v)

rock:
	@./tools/rock.sh

dist:
	@./tools/dist.sh

catalogue:
	@./tools/catalogue.sh "$(SPEC)"

catalogue-check:
	@./tools/catalogue.sh --check ../shared/openapi

contract:
	@./tools/contract.sh

reference: build
	@$(ENV) $(LUA) -e 'package.path = "tools/?.lua;" .. package.path' \
	  -e 'require("reference").main()'

# the works of the bench by libcurl alone, and with lua-cjson
BARE = build/bench/bare build/bench/bare-lua5.4 build/bench/bare-luajit
$(BARE): bench/bare.c
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) -std=c99 $(WARNINGS) $(BARE_FLAGS) $(CURL_CFLAGS) $(CPPFLAGS) \
	  $(CFLAGS) -o $@ $< $(CURL_LIBS) $(BARE_LIBS)

build/bench/bare-lua5.4: LUA = lua5.4
build/bench/bare-luajit: LUA = luajit
$(filter-out %/bare,$(BARE)): BARE_FLAGS = -DDECODE $(LUA_CFLAGS)
$(filter-out %/bare,$(BARE)): BARE_LIBS = $(LUA_LIBS)

bench: $(BARE)
	@$(MAKE) --no-print-directory -s build LUA=luajit
	@$(MAKE) --no-print-directory -s build LUA=lua5.4
	@./bench/run.sh

bench-setup:
	@./bench/setup.sh

soak: build
	@$(SPEC_ENV) $(LUA) spec/soak/soak.lua

once: build
	@$(SPEC_ENV) $(LUA) spec/soak/once.lua
	@$(SPEC_ENV) $(LUA) spec/soak/outbox.lua

# Standard output is for eval: what make says goes elsewhere.
sandbox:
	@$(MAKE) --no-print-directory -s build LUA=$(LUA) >&2
	@$(ENV) $(LUA) tools/sandbox.lua $(ARGS)

# modules, objects
define put
set -e; for module in $(1:lua/%=%); do \
  mkdir -p "$(LUA_DIR)/$${module%/*}"; \
  install -m 644 "lua/$$module" "$(LUA_DIR)/$$module"; \
done; \
for object in $(2); do \
  mkdir -p "$(LIB_DIR)/klaviyo/$${object%/*}"; \
  install -m 755 $(OUT)/klaviyo/$$object "$(LIB_DIR)/klaviyo/$$object"; \
done
endef

install: $(OUT)/klaviyo/core.so $(OUT)/klaviyo/digest.so
	@$(call put,$(MODULES),./core.so ./digest.so)

install-outbox: $(OUT)/klaviyo/outbox/store.so
	@$(call put,$(OUTBOX_MODULES),outbox/store.so)

clean:
	rm -rf build
