#!/bin/sh
# Counts the lines that run in the specs, under Lua 5.4: those of the core by gcov,
# those of lua/ by a hook (coverage_hook.c). The results of the specs do not
# matter: objects built for coverage have more symbols.
#
#   tools/coverage.sh [-v]      -v: also lists the lines that did not run
set -eu
cd "$(dirname "$0")/.."

all=build/coverage
rm -rf "$all"
mkdir -p "$all/lua"
# code in nginx is not counted
specs=$(find spec -name '*_spec.lua' ! -path 'spec/nginx/*' \
  ! -path 'spec/gateway/*' \
  ! -name 'receiver_spec.lua' | sort | tr '\n' ' ')
make="make --no-print-directory -s"
ours="EXTRA=--coverage CFLAGS=-O0"

gcc -std=c99 -D_GNU_SOURCE=1 -O2 -fPIC -shared -Wl,-z,nodelete $(pkg-config --cflags lua5.4) \
  -o "$all/coverage_hook.so" tools/coverage_hook.c
$make build probes LUA=lua5.4 OUT="$all/lua5.4" $ours
hook="package.loadlib('$PWD/$all/coverage_hook.so', 'luaopen_coverage_hook')()"
COVERAGE="$PWD/$all/lua" LUA_INIT_5_4="$hook" \
  $make spec LUA=lua5.4 OUT="$all/lua5.4" $ours \
  SPEC="--exclude-tags=memory,time $specs" >"$all/lua5.4.txt" 2>&1 || :
summary=$(grep -E "^[0-9]+ success" "$all/lua5.4.txt") # fails if the specs did not end
echo "counted in: $summary"

for notes in $(find "$all" -name '*.gcda' ! -path '*/digest/*'); do
  gcov -t "$notes" 2>"$all/gcov.txt" || { cat "$all/gcov.txt" >&2; exit 1; }
done >"$all/core.txt"
lua5.4 tools/coverage.lua "$all/lua" "$all/core.txt" "$@"
