# klaviyo: make help lists the targets for users, make help-dev also those of
# mk/dev.mk.

LUA        = lua5.4
LIVE       =
QUIET      = $(if $(V),,@)
SAY        = @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,echo)
PREFIX     = /usr/local
DESTDIR    =
PKG_CONFIG = pkg-config

ifeq ($(origin CC),default)
CC = gcc
endif
CFLAGS ?= -O2 -g

# LuaJIT uses the folders of Lua 5.1
LUA_VERSION = $(patsubst lua%,%,$(subst luajit,lua5.1,$(LUA)))
LUA_DIR = $(DESTDIR)$(PREFIX)/share/lua/$(LUA_VERSION)
LIB_DIR = $(DESTDIR)$(PREFIX)/lib/lua/$(LUA_VERSION)
BIN_DIR = $(DESTDIR)$(PREFIX)/bin
MAN_DIR = $(DESTDIR)$(PREFIX)/share/man/man1

WARNINGS = -Wall -Wextra -pedantic -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wold-style-definition -Wsign-compare -Wcast-qual \
  -Wwrite-strings -Wundef -Wredundant-decls -Wdouble-promotion -Wvla \
  -Wnull-dereference -Wformat=2 -Wimplicit-fallthrough -Wpointer-arith \
  -Wcast-align -Wswitch-enum -Wunused-macros -Wmissing-declarations \
  -Wconversion -Wno-sign-conversion -Wno-c11-extensions \
  -Werror=implicit-function-declaration

# $(call once,VARIABLE,COMMAND) is the output of COMMAND, and the value of VARIABLE
# from now on: the command runs when the variable is first used
once = $(eval $(1) := $(shell $(2)))$($(1))

# lua/klaviyo/util/shared_object.lua compares this with the Lua files' version
KLAVIYO_VERSION = $(call once,KLAVIYO_VERSION,sed -n \
  's/^return "\(.*\)"$$/\1/p' lua/klaviyo/version.lua)

# one build of the core: its folder, and its additional flags
OUT    = build/$(LUA)
EXTRA  =
C_ALL  = -std=c99 -D_GNU_SOURCE=1 -DKLAVIYO_VERSION='"$(KLAVIYO_VERSION)"' -Icsrc \
  -fPIC -fvisibility=hidden $(WARNINGS) \
  $(EXTRA) $(LUA_CFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS) $(SQLITE_CFLAGS) \
  $(CPPFLAGS) $(CFLAGS)
LD_ALL = $(LIBFLAG) $(EXTRA) $(LDFLAGS)

# a module for Lua: LuaRocks passes its own LIBFLAG
SYSTEM := $(shell uname -s)
LIBFLAG = $(if $(filter Darwin,$(SYSTEM)),-bundle -undefined dynamic_lookup,-shared)
# threads and dlopen, which some systems have in their C library
SYSTEM_LIBS = $(if $(filter Darwin,$(SYSTEM)),,-lpthread) \
  $(if $(filter Linux,$(SYSTEM)),-ldl)

# evaluated when used, not when read: make setup installs pkg-config
LUA_CFLAGS  = $(shell $(PKG_CONFIG) --cflags $(LUA))
LUA_LIBS    = $(shell $(PKG_CONFIG) --libs $(LUA))
CURL_CFLAGS = $(call once,CURL_CFLAGS,$(PKG_CONFIG) --cflags libcurl)
CURL_LIBS   = $(call once,CURL_LIBS,$(PKG_CONFIG) --libs libcurl)
CRYPTO_CFLAGS = $(call once,CRYPTO_CFLAGS,$(PKG_CONFIG) --cflags libcrypto)
CRYPTO_LIBS   = $(call once,CRYPTO_LIBS,$(PKG_CONFIG) --libs libcrypto)
SQLITE_CFLAGS = $(call once,SQLITE_CFLAGS,$(PKG_CONFIG) --cflags sqlite3 \
  2>/dev/null)
SQLITE_LIBS   = $(call once,SQLITE_LIBS,$(PKG_CONFIG) --libs sqlite3)
# The folder above that of pkg-config: the sources include <hiredis/hiredis.h>. No
# other flags: Debian's -D_FILE_OFFSET_BITS=64 would be for all objects.
HIREDIS_CFLAGS = $(addprefix -isystem ,$(filter-out /usr/include,$(call once,HIREDIS_DIR, \
  $(PKG_CONFIG) --variable=includedir hiredis 2>/dev/null)))
HIREDIS_LIBS   = $(call once,HIREDIS_LIBS,$(PKG_CONFIG) --libs hiredis)

# four shared objects: the core needs only libcurl, digest only libcrypto, the
# outbox, a rock of its own, only SQLite, and redis, another one, libcurl and
# hiredis
CORE    = $(patsubst csrc/%.c,$(OUT)/obj/%.o,$(sort $(wildcard \
  $(patsubst %,csrc/%/*.c,http api ratelimit json base metrics lua))))
DIGEST  = $(patsubst csrc/%.c,$(OUT)/obj/%.o,$(sort $(wildcard csrc/digest/*.c)))
OUTBOX  = $(patsubst csrc/%.c,$(OUT)/obj/%.o,$(sort \
  $(wildcard csrc/outbox/*.c)))
REDIS   = $(patsubst csrc/%.c,$(OUT)/obj/%.o,$(sort \
  $(wildcard csrc/redis/*.c)))
OBJECTS = $(CORE) $(DIGEST) $(OUTBOX) $(REDIS)
MODULES = $(shell find lua -name '*.lua' ! -path 'lua/klaviyo/outbox*' \
  ! -path 'lua/klaviyo/redis*' ! -path 'lua/klaviyo/cli/*' | sort)
CLI_MODULES = $(shell find lua -path 'lua/klaviyo/cli/*' -name '*.lua' | sort)
OUTBOX_MODULES = $(shell find lua -path 'lua/klaviyo/outbox*' -name '*.lua' | \
  sort)
REDIS_MODULES = $(shell find lua -path 'lua/klaviyo/redis*' -name '*.lua' | sort)

# quotes a text as one word of the shell
quoted = '$(subst ','\'',$(1))'
root = $(subst ','\'',$(CURDIR))
ENV  = LUA_PATH='$(root)/lua/?.lua;$(root)/lua/?/init.lua;;' \
  LUA_CPATH='$(root)/$(OUT)/?.so;;'
EXPORT_PATH = export LUA_PATH=$(call \
  quoted,$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;)"$${LUA_PATH:-;}"
EXPORT_CPATH = export LUA_CPATH=$(call \
  quoted,$(CURDIR)/$(OUT)/?.so;)"$${LUA_CPATH:-;}"

.PHONY: help setup build env test demo demo-nginx sandbox install \
  install-outbox install-redis install-cli clean FORCE
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#: //p' Makefile

#: make demo                 make every call of the reference to a sandbox
#:                           (LIVE=1 and KLAVIYO_API_KEY: to Klaviyo)
#: make demo-nginx           make them by curl, through the gateway in nginx, and
#:                           authorize an app
#: make test                 run specs, rock, lint and sanitizers
#: make setup                install the needed Debian packages
#: make build LUA=luajit     build the core for lua5.4 (default) or luajit
#: make env LUA=luajit       print LUA_PATH and LUA_CPATH for eval
#: make sandbox ARGS="profiles=2500 limits"   start a sandbox of the API
#: make install DESTDIR= PREFIX= LUA=   install; also install-outbox, with SQLite,
#:                           install-redis, and install-cli, the command klaviyo
#: make clean | help-dev     remove build/ | list targets for contributors
#: Settings: CC CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG; V=1 shows commands

setup:
	@./tools/setup.sh

# built by a make of its own: this one was started before setup
demo: setup
	@$(MAKE) --no-print-directory -s build LUA=$(LUA)
	@$(ENV) $(if $(LIVE),LIVE=$(LIVE) )$(LUA) examples/reference.lua

demo-nginx: setup
	@$(MAKE) --no-print-directory -s build LUA=luajit
	@$(MAKE) --no-print-directory -s build LUA=$(LUA)
	@$(ENV) $(LUA) examples/nginx/demo.lua
	@$(ENV) $(LUA) examples/nginx/demo_oauth.lua

test: setup
	@./tools/test.sh

BUILT = $(OUT)/klaviyo/core.so $(OUT)/klaviyo/digest.so $(if $(shell \
  $(PKG_CONFIG) --exists sqlite3 2>/dev/null && echo there), \
  $(OUT)/klaviyo/outbox/store.so) $(if $(shell \
  $(PKG_CONFIG) --exists hiredis 2>/dev/null && echo there), \
  $(OUT)/klaviyo/redis/hiredis.so)
build: $(BUILT)

$(OUT)/klaviyo/core.so: $(CORE)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(CC) $(LD_ALL) -o $@ $(CORE) $(CURL_LIBS) $(SYSTEM_LIBS)

$(OUT)/klaviyo/digest.so: $(DIGEST)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(CC) $(LD_ALL) -o $@ $(DIGEST) $(CRYPTO_LIBS) $(SYSTEM_LIBS)

$(OUT)/klaviyo/outbox/store.so: $(OUTBOX) $(addprefix $(OUT)/obj/base/, \
    buffer.o clock.o file_lock.o)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(CC) $(LD_ALL) -o $@ $^ $(SQLITE_LIBS) $(SYSTEM_LIBS)

$(REDIS): private CPPFLAGS += $(HIREDIS_CFLAGS)

$(OUT)/klaviyo/redis/hiredis.so: $(REDIS) $(addprefix $(OUT)/obj/, \
    base/buffer.o base/clock.o ratelimit/usage.o)
	@mkdir -p $(@D)
	$(SAY) '  LD  $@'
	$(QUIET)$(CC) $(LD_ALL) -o $@ $^ $(HIREDIS_LIBS) $(CURL_LIBS) $(SYSTEM_LIBS)

$(OUT)/obj/%.o: csrc/%.c $(OUT)/obj/flags
	@mkdir -p $(@D)
	$(SAY) '  CC  $@'
	$(QUIET)$(CC) $(C_ALL) -MMD -MP -c -o $@ $<

# changes if the flags change, so that all objects are built again
$(OUT)/obj/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(CC) $(C_ALL) $(LD_ALL)' | cmp -s - $@ || \
	  printf '%s\n' '$(CC) $(C_ALL) $(LD_ALL)' >$@

-include $(OBJECTS:.o=.d)

env:
	@printf '%s\n' $(call quoted,$(EXPORT_PATH)) $(call quoted,$(EXPORT_CPATH))

# Standard output is for eval: make writes to standard error.
sandbox:
	@$(MAKE) --no-print-directory -s build LUA=$(LUA) >&2
	@$(ENV) $(LUA) tools/sandbox.lua $(ARGS)

# $(call put,MODULES,OBJECTS) installs them
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

install-redis: $(OUT)/klaviyo/redis/hiredis.so
	@$(call put,$(REDIS_MODULES),redis/hiredis.so)

# LuaRocks replaces the first line by one that sets its paths
install-cli:
	@$(call put,$(CLI_MODULES),)
	@mkdir -p "$(BIN_DIR)" "$(MAN_DIR)"
	@sed '1s|.*|#!/usr/bin/env $(notdir $(LUA))|' bin/klaviyo >"$(BIN_DIR)/klaviyo"
	@chmod 755 "$(BIN_DIR)/klaviyo"
	@install -m 644 docs/klaviyo.1 "$(MAN_DIR)/klaviyo.1"

clean:
	rm -rf build

include mk/dev.mk
