#!/bin/sh
# make bench: what calls cost, beside libcurl alone and the clients of others;
# what the first moments cost. For figures to quote the machine must be idle.
#
#   bench/run.sh [ROUNDS [WORK ...]]
set -eu
cd "$(dirname "$0")/.."

# whom the bench started does not outlive it
trap 'for pid in build/bench/*/nginx.pid; do
  [ ! -s "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || :
done' EXIT
trap 'exit 130' INT HUP TERM

eval "$(make -s --no-print-directory env LUA=lua5.4)"
bench() {
  LUA_PATH="$PWD/bench/?.lua;$LUA_PATH" "$@"
}
# Client and server on one core: to wake another one that sleeps costs who
# wakes it as much as all that is compared here, or nothing, by chance.
one_core=
! command -v taskset >/dev/null || one_core="taskset -c 0"
bench $one_core lua5.4 bench/table.lua "$@"
[ $# -gt 1 ] || bench lua5.4 bench/nginx/table.lua

for lua in lua5.4 luajit; do
  eval "$(make -s --no-print-directory env LUA=$lua)"
  $lua bench/start.lua
done
