# Targets for contributors, included by the Makefile: make help-dev lists them.

BUSTED   = /usr/bin/busted
LUACHECK = /usr/bin/luacheck
SPEC     =

.PHONY: help-dev objects probes spec other asan tsan portable valgrind rock \
  lint warnings check cross fuzz planted collector coverage dist deb \
  deb-setup readme revision revisions-check contract reference types bench \
  bench-setup json-suite \
  bench-page bench-scale bench-unchanged cli-scale soak once status-picture

help-dev: help
	@sed -n 's/^#: //p' mk/dev.mk

#:
#: make spec SPEC=spec/x_spec.lua   run all specs, or files, folders or
#:                           options of busted; JOBS=8 files at a time
#: make other LUA=lua5.5      run most of them under Lua 5.5, which is fetched
#:                           and built if possible, or with LUA=lua5.3
#: make asan SPEC=…          run specs under ASan and UBSan
#: make tsan SPEC=…          run the specs of the loop thread under TSan
#: make portable SPEC=…      run specs of the core, built without epoll
#: make valgrind SPEC=…      run specs of the core under memcheck
#: make collector SPEC=…     run specs with constant garbage collection
#: make coverage             report how much of csrc/ and lua/ the specs run;
#:                           V=1: also the lines that they do not run
#: make rock                 install the rocks into empty trees, and use them
#: make lint | warnings      luacheck, style, imports, words | gcc and clang -Werror
#: make cross                compile for macOS, FreeBSD and musl, -Werror
#: make check                run clang-tidy and cppcheck, if they are installed
#: make words                refuse words that the documentation does not use
#: make paths                count the Lua calls and the files of three common calls
#: make fuzz SECONDS=30 [TARGET=links]   run the fuzz targets, under sanitizers
#: make planted              check that the fuzz targets find planted bugs
#: make soak LUA=luajit      run four processes at the limits for three minutes
#: make once                 check that each of 10,000 events under faults, 3,000
#:                           of an outbox and 6,000 through Redis, from hosts
#:                           that die, takes effect once; that OAuth tokens are
#:                           refreshed once, also if 20 processes are killed;
#:                           that a gateway shares a limit for a minute; and
#:                           that the metrics of 100,000 calls are exact
#: make revision SPEC=openapi.json   add a revision: its data files, the index,
#:                           the generated documentation, a changelog entry
#: make revisions-check      check that the data files match their documents
#: make contract             check the requests against the OpenAPI documents
#: make reference            write docs/resources.md, docs/revisions.md, types/,
#:                           docs/klaviyo.1, and parts of docs/reference.md and
#:                           docs/cli.md
#: make status-picture       take the pictures of the status page for docs/nginx.md,
#:                           with chromium
#: make types REVISION=…     write the types of a revision for the Lua language
#:                           server; by default of the default and the newest one
#: make bench                measure calls, also of libcurl and other clients
#:                           ROUNDS=5; BASE=docs/benchmarks.json: what changed
#:                           since; BEFORE=COMMIT: also that build in nginx
#: make bench-unchanged BEFORE=COMMIT   compare the library without the other
#:                           rocks with that commit: its size, and instructions
#:                           as valgrind counts them
#: make bench-page           write docs/benchmarks.md again from its .json
#: make bench-scale          iterate over 1,000,000 profiles and import as many:
#:                           memory, and time of a record
#: make cli-scale            export 1,000,000 profiles and import 200,000 by the
#:                           command and by the library: memory, and time of a
#:                           record
#: make bench-setup          install the other clients
#: make json-suite           install the JSON parsing test suite, for its spec
#: make readme               install the command as the README says, and run its
#:                           first commands; for a machine that may be changed
#: make dist                 make a source archive and source rocks, in build/
#: make deb                  make Debian packages of that archive, in build/deb
#: make deb-setup            install what make deb needs

# Each target counts its use of the rate limits in a file of its own, so that
# other runs and programs do not change its limits.
SPEC_RUN  = '$(root)/$(OUT)/run/$@'
SPEC_ENV  = mkdir -p $(SPEC_RUN) && chmod 700 $(SPEC_RUN) && \
  rm -f $(SPEC_RUN)/* && $(ENV) \
  KLAVIYO_RATE_LIMIT_FILE=$(SPEC_RUN)/rate-limits
RUN_SPECS = $(ENV) SPEC_RUN=$(SPEC_RUN) tools/spec.sh
# Under valgrind, a sanitizer or a busy collector specs compute more than they
# wait: so run only about as many files at a time as there are cores.
RUN_SLOW  = JOBS=$${JOBS:-$(1)} $(RUN_SPECS)

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -fno-omit-frame-pointer
ASAN = build/asan-$(LUA)
# The sanitizers run the specs that use the core in this process. They do not run
# specs of pure Lua code, specs in nginx, which is not sanitized, and specs that
# measure memory or time (#memory, #time).
UNCROSSED = spec/bench/% spec/bulk/% spec/cli/% spec/csv/% spec/docs/% \
  spec/document/% spec/gateway/% spec/metrics/status% spec/nginx/% \
  spec/outbox/nginx_spec.lua spec/sandbox/% spec/support/% spec/tools/% \
  spec/webhook/receiver_spec.lua spec/operations/% spec/openapi/% \
  spec/redis/fleet_spec.lua spec/redis/%nginx_spec.lua \
  $(patsubst %,spec/%_spec.lua, metrics/alerts near_names pagination/memory \
  reference resources settings util/usage_error values/datetime values/dump \
  values/filter values/locale)
ASAN_SPEC = $(or $(SPEC),$(filter-out $(UNCROSSED), \
  $(sort $(shell find spec -name '*_spec.lua'))))

RACES = -fsanitize=thread -fno-omit-frame-pointer
TSAN = build/tsan-$(LUA)
TSAN_SPEC = $(or $(SPEC),spec/core/http/loop_thread_spec.lua \
  spec/core/metrics/threads_spec.lua spec/redis/loop_thread_spec.lua \
  spec/redis/connection_thread_spec.lua)

# The core as it is built on other systems than Linux.
PORTABLE = build/portable-$(LUA)
PORTABLE_SPEC = $(or $(SPEC),spec/core spec/client_spec.lua spec/pagination \
  spec/tasks spec/transport)

# The specs that use all parts of libcurl and end in time under valgrind. Not
# those that measure memory or time, those that are too slow under valgrind
# (#native), and children that abandon their parent's engine on purpose.
VALGRIND = valgrind -q --leak-check=full --show-leak-kinds=definite,possible \
  --errors-for-leak-kinds=definite,possible --error-exitcode=86 \
  --child-silent-after-fork=yes --num-callers=30 \
  --suppressions=spec/support/valgrind.supp
VALGRIND_SPEC = $(or $(SPEC),spec/core $(patsubst %,spec/%_spec.lua,digest \
  redis/failures redis/loop_thread redis/redis redis/connection_failures \
  redis/connection_thread transport/connections \
  transport/failures tasks/tasks))

# The specs of objects that must outlive the code that made them, or need not.
COLLECTED = $(or $(SPEC),spec/core $(patsubst %,spec/%_spec.lua,client \
  transport/connections) spec/pagination $(patsubst %,spec/tasks/%_spec.lua, \
  map tasks))

# The plain C layer under libFuzzer, and a target for each of spec/fuzz/*.c
SECONDS = 30
FUZZ    = build/fuzz
TARGET  = $(sort $(patsubst spec/fuzz/%.c,%,$(wildcard spec/fuzz/*.c)))
PLAIN_C = $(filter-out $(OUT)/obj/lua/%,$(CORE))
FUZZED  = CC=clang OUT=$(FUZZ) \
  EXTRA='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'

LEASE = csrc/redis/lease.c csrc/redis/away.c

# Programs and libraries for specs: the budget, and time slices, with a clock that
# they set; fork; links; slow name resolution; another libcurl; failing
# allocations; threads; the lease of a host, leases of another layout, and those
# of a host that waits long for Redis; a service that counts windows.
PROBES = $(OUT)/budget_probe $(OUT)/time_slice_probe \
  $(OUT)/spec_fork.so $(OUT)/spec_links.so $(OUT)/spec_lease.so \
  $(OUT)/spec_slow_names.so $(OUT)/spec_other_curl.so \
  $(OUT)/failing_memory/klaviyo/core.so $(OUT)/threads $(OUT)/window_server \
  $(if $(filter $(OUT)/klaviyo/redis/hiredis.so,$(BUILT)), \
  $(OUT)/layout/klaviyo/redis/hiredis.so \
  $(OUT)/patient/klaviyo/redis/hiredis.so)

$(OUT)/budget_probe: spec/support/budget_probe.c csrc/ratelimit/budget.c $(CORE)
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) $(foreach name,pwrite posix_fallocate clock_gettime, \
	  -Wl,--wrap=$(name)) -o $@ $< $(addprefix $(OUT)/obj/, \
	  ratelimit/lease_file.o ratelimit/rate_limit_file.o ratelimit/usage.o \
	  base/buffer.o base/clock.o base/file_lock.o http/headers.o) $(CURL_LIBS)

$(OUT)/time_slice_probe: spec/support/time_slice_probe.c \
    csrc/base/time_slice.c
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) -o $@ $<

$(OUT)/spec_%.so: spec/support/%.c
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) -shared $(EXTRA) -o $@ $< $(SPEC_LIBS) -ldl

# it must find the functions of libcurl that it replaces
$(OUT)/spec_other_curl.so: SPEC_LIBS = -Wl,--no-as-needed $(CURL_LIBS)

$(OUT)/spec_links.so: spec/support/links.c $(CORE)
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) -shared $(EXTRA) -o $@ $< $(addprefix $(OUT)/obj/, \
	  api/links.o base/buffer.o)

$(OUT)/spec_lease.so: spec/support/lease_probe.c $(LEASE) csrc/redis/lease.h \
    csrc/redis/away.h $(CORE)
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) $(LD_ALL) -o $@ $< $(LEASE) \
	  $(addprefix $(OUT)/obj/,ratelimit/usage.o base/buffer.o)

$(OUT)/window_server: spec/support/window_server.c
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) -o $@ $<

# $(call patient,MACROS): hiredis.so, waiting for 20 s, and with other macros
patient = $(CC) $(C_ALL) $(HIREDIS_CFLAGS) -DLEASE_TIMEOUT_MS=20000 \
  -DCONNECT_MS=20000 -DSTALLED_MS=20000 $(1) $(LD_ALL) -o $@ \
  $(wildcard csrc/redis/*.c) $(addprefix $(OUT)/obj/,base/buffer.o \
  base/clock.o ratelimit/usage.o) $(HIREDIS_LIBS) $(CURL_LIBS) $(SYSTEM_LIBS)

$(OUT)/layout/klaviyo/redis/hiredis.so: $(REDIS)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(call patient,-DLEASE_LAYOUT=99)

$(OUT)/patient/klaviyo/redis/hiredis.so: $(REDIS)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(call patient)

# a program with a Lua state in each of its threads
$(OUT)/threads: spec/support/threads.c
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) -o $@ $< $(LUA_LIBS) -lpthread

# a core whose memory allocations can fail
$(OUT)/failing_memory/klaviyo/core.so: spec/support/failing_memory.c $(CORE)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(CC) $(C_ALL) $(LD_ALL) \
	  $(foreach name,malloc calloc realloc curl_global_init,-Wl,--wrap=$(name)) \
	  -o $@ $< $(CORE) $(CURL_LIBS) $(SYSTEM_LIBS)

probes: $(PROBES)

objects: $(OBJECTS)

# The tools run under Lua 5.4, whichever Lua the library is for.
ALL_SPECS = $(filter-out $(if $(filter lua5.4,$(LUA)),,spec/tools/%), \
  $(sort $(shell find spec -name '*_spec.lua')))

spec: build probes
	$(QUIET)LUA=$(LUA) $(RUN_SPECS) $(LUA) $(BUSTED) -- \
	  $(or $(SPEC),$(ALL_SPECS))

# The specs for Luas that no other target runs. Not those in nginx, those that
# read the tables of operations, and those that measure.
OTHER_SPEC = $(or $(SPEC),$(filter-out spec/bench/% spec/docs/% spec/gateway/% \
  spec/nginx/% spec/operations/% spec/sandbox/% spec/support/% spec/tools/%, \
  $(sort $(shell find spec -name '*_spec.lua'))))

other:
	@LUA='$(LUA)' tools/other.sh --exclude-tags=memory,time $(OTHER_SPEC)

portable:
	@$(MAKE) --no-print-directory build OUT=$(PORTABLE) \
	  EXTRA=-DKLAVIYO_PORTABLE
	@$(MAKE) --no-print-directory spec OUT=$(PORTABLE) \
	  EXTRA=-DKLAVIYO_PORTABLE SPEC='$(PORTABLE_SPEC)'

valgrind: build probes
	@LUA=$(LUA) $(call RUN_SLOW,2) $(VALGRIND) $(LUA) $(BUSTED) -- \
	  --exclude-tags=memory,time,native $(VALGRIND_SPEC)

lint:
	@$(LUACHECK) -q --no-color .
	@if command -v clang-format >/dev/null; then \
	  clang-format --dry-run -Werror $$(git ls-files 'csrc/*.[ch]'); \
	else echo "lint: skipped the format of csrc, no clang-format"; fi
	@lua5.4 tools/style.lua
	@lua5.4 tools/lua55.lua
	@lua5.4 tools/imports.lua >/dev/null
	@lua5.4 tools/words.lua

$(ASAN)/lua $(TSAN)/lua: tools/host.c mk/dev.mk
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) -std=c99 $(WARNINGS) $(SANITIZE) -g $(LUA_CFLAGS) -o $@ $< \
	  $(LUA_LIBS)

# use_tls=0: LeakSanitizer crashes after a library with thread-local variables
# was closed. LUA is the host, too, for specs that start an interpreter.
asan: OUT = $(ASAN)
asan: $(ASAN)/lua
	@$(MAKE) --no-print-directory build probes OUT=$(ASAN) \
	  EXTRA='$(SANITIZE)'
	@LUA='$(root)/$(ASAN)/lua' LSAN_OPTIONS=use_tls=0:print_suppressions=0 \
	  ASAN_OPTIONS=detect_leaks=$(if $(findstring jit,$(LUA)),0,1):abort_on_error=0:exitcode=86 \
	  UBSAN_OPTIONS=print_stacktrace=1 $(call RUN_SLOW,3) \
	  $(ASAN)/lua $(BUSTED) -- --exclude-tags=memory,time $(ASAN_SPEC)

# finds data races between the threads of the core
tsan: OUT = $(TSAN)
tsan: SANITIZE = $(RACES)
tsan: $(TSAN)/lua
	@$(MAKE) --no-print-directory build probes OUT=$(TSAN) EXTRA='$(RACES)'
	@LUA='$(root)/$(TSAN)/lua' \
	  TSAN_OPTIONS=exitcode=86 $(call RUN_SLOW,2) \
	  $(TSAN)/lua $(BUSTED) -- --exclude-tags=memory,time,native $(TSAN_SPEC)

words:
	@lua5.4 tools/words.lua

paths: build
	@$(ENV) $(LUA) tools/paths.lua $(VERBOSE)

# All sources with each compiler, then only those that other headers of Lua or
# another system change: the plain C layer does not see lua.h.
BOUND_C    = $(wildcard csrc/lua/*.c csrc/*/l_*.c)
PORTABLE_C = $(shell grep -l KLAVIYO_PORTABLE csrc/*/*.c)
warned     = $(MAKE) --no-print-directory -s objects CC=$(1) LUA=$(2) \
  OUT=build/warnings/$(1)-$(3) EXTRA='-Werror $(4)' -j 2 $(5)
only       = OBJECTS="$(patsubst csrc/%.c,build/warnings/$(1)/obj/%.o,$(2))"

warnings:
	@for cc in gcc clang; do \
	  echo "$$cc, headers of lua5.4"; \
	  $(call warned,$$cc,lua5.4,lua5.4) || exit 1; \
	  for lua in lua5.1 luajit; do \
	    echo "$$cc, headers of $$lua"; \
	    $(call warned,$$cc,$$lua,$$lua,,$(call only,$$cc-$$lua,$(BOUND_C))) || \
	      exit 1; \
	  done; \
	  echo "$$cc, what is not for Linux"; \
	  $(call warned,$$cc,lua5.4,portable,-DKLAVIYO_PORTABLE,$(call \
	    only,$$cc-portable,$(PORTABLE_C))) || exit 1; \
	done

check:
	@./tools/check.sh

cross:
	@./tools/cross.sh

# a make of its own, because these objects are built with other flags
fuzz:
	@$(MAKE) --no-print-directory -s -j 2 $(FUZZED) \
	  $(addprefix $(FUZZ)/,$(TARGET))
	@./tools/fuzz.sh $(SECONDS) $(TARGET)

$(FUZZ)/thread: spec/fuzz/engine.c
$(FUZZ)/redis: FUZZ_LIBS = $(HIREDIS_LIBS)
$(FUZZ)/redis_calls: FUZZ_LIBS = $(HIREDIS_LIBS) $(LUA_LIBS)
$(FUZZ)/redis $(FUZZ)/redis_calls: $(wildcard csrc/redis/*.[ch])

# in another object than the core's
SEALED = $(addprefix $(OUT)/obj/digest/,cipher.o digest.o)
$(FUZZ)/sealed: $(SEALED)
$(FUZZ)/sealed: FUZZ_LIBS = $(SEALED) $(CRYPTO_LIBS)

planted:
	@./tools/planted.sh

# an archive: a target that includes a file as source does not get it twice
$(FUZZ)/plain_c.a: $(PLAIN_C)
	$(SAY) '  AR  $@'
	$(QUIET)rm -f $@ && ar rc $@ $^

$(FUZZ)/%: spec/fuzz/%.c $(wildcard spec/fuzz/*.h) $(FUZZ)/plain_c.a
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(filter-out -fPIC,$(C_ALL)) -fsanitize=fuzzer -o $@ $< \
	  $(FUZZ)/plain_c.a $(FUZZ_LIBS) $(CURL_LIBS) -lpthread

collector: build probes
	@for kind in full young; do \
	  LUA=$(LUA) COLLECTOR=$$kind $(call RUN_SLOW,2) \
	    $(LUA) -e 'dofile "spec/support/collector.lua"' $(BUSTED) -- \
	    --exclude-tags=memory,time,native $(COLLECTED) || exit 1; \
	done

coverage:
	@./tools/coverage.sh $(if $(V),-v)

rock:
	@./tools/rock.sh

dist:
	@./tools/dist.sh

deb:
	@./tools/deb.sh

readme:
	@./tools/readme.sh

deb-setup:
	@apt-get -q update
	@DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
	  --no-install-recommends lintian lua5.4 zip
	@DEBIAN_FRONTEND=noninteractive apt-get -q build-dep -y \
	  --no-install-recommends ./packaging

revision: build
	@$(ENV) LUA=$(LUA) ./tools/revisions.sh "$(SPEC)"

revisions-check: build
	@$(ENV) LUA=$(LUA) ./tools/revisions.sh --check ../shared/openapi

contract:
	@./tools/contract.sh

reference: build
	@$(ENV) $(LUA) -e 'package.path = "tools/?.lua;" .. package.path' \
	  -e 'require("reference").main()' -e 'require("types").main()'
	@$(ENV) TZ=UTC LC_ALL=C.UTF-8 $(LUA) \
	  -e 'package.path = "tools/?.lua;" .. package.path' \
	  -e 'require("cli_pages").main()'

status-picture: build
	@$(ENV) $(LUA) tools/status_picture.lua

types: build
	@$(ENV) $(LUA) -e 'package.path = "tools/?.lua;" .. package.path' \
	  -e 'require("types").main("$(REVISION)")'

# the workloads of the benchmark in C: libcurl, and libcurl with lua-cjson
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
	@ROUNDS='$(ROUNDS)' BASE='$(BASE)' BEFORE='$(BEFORE)' ./bench/run.sh

bench-unchanged:
	@BEFORE='$(BEFORE)' ./bench/unchanged.sh

bench-page: build
	@$(ENV) lua5.4 bench/page.lua

bench-setup:
	@./bench/setup.sh

json-suite:
	@./tools/json-suite.sh

bench-scale:
	@$(MAKE) --no-print-directory -s build LUA=luajit
	@$(MAKE) --no-print-directory -s build LUA=lua5.4
	@$(ENV) lua5.4 bench/scale.lua $(RECORDS)

cli-scale:
	@$(MAKE) --no-print-directory -s build LUA=luajit
	@$(MAKE) --no-print-directory -s build LUA=lua5.4
	@$(ENV) lua5.4 bench/cli_export.lua $(RECORDS)
	@$(ENV) lua5.4 bench/cli_import.lua $(RECORDS)

soak: build probes
	@$(SPEC_ENV) $(LUA) spec/soak/soak.lua
	@$(ENV) LUA=$(LUA) $(LUA) spec/soak/redis.lua
	@$(ENV) LUA=$(LUA) $(LUA) spec/soak/redis_away.lua
	@$(MAKE) --no-print-directory -s build LUA=luajit
	@$(SPEC_ENV) LUA=$(LUA) $(LUA) spec/soak/relay.lua
	@$(SPEC_ENV) LUA=$(LUA) $(LUA) spec/soak/relay_away.lua

once: build
	@$(SPEC_ENV) $(LUA) spec/soak/once.lua
	@$(SPEC_ENV) $(LUA) spec/soak/outbox.lua
	@$(MAKE) --no-print-directory -s build LUA=luajit
	@$(SPEC_ENV) $(LUA) spec/soak/metrics.lua
	@$(SPEC_ENV) LUA=$(LUA) $(LUA) spec/soak/relay.lua 6000
	@OAUTH_ROUNDS=10 OAUTH_KILLS=20 $(MAKE) --no-print-directory spec \
	  LUA=luajit SPEC='spec/oauth/nginx_spec.lua spec/oauth/crash_spec.lua'
	@$(SPEC_ENV) $(LUA) spec/soak/fair.lua
