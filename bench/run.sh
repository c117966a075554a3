#!/bin/sh
# make bench: measures the cost of calls, compared with plain libcurl and other
# clients, and the cost of starting. The machine must be idle.
#
#   bench/run.sh [ROUNDS [WORKLOAD ...]]
set -eu
cd "$(dirname "$0")/.."

# ends every nginx that the benchmark started
trap 'for pid in build/bench/*/nginx.pid; do
  [ ! -s "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || :
done' EXIT
trap 'exit 130' INT HUP TERM

eval "$(make -s --no-print-directory env LUA=lua5.4)"
bench() {
  LUA_PATH="$PWD/bench/?.lua;$LUA_PATH" "$@"
}
# Client and server run on one core: waking an idle core costs as much as a call,
# or nothing, depending on its state.
one_core=
! command -v taskset >/dev/null || one_core="taskset -c 0"
bench $one_core lua5.4 bench/table.lua "$@"
[ $# -gt 1 ] || bench lua5.4 bench/nginx/table.lua

for lua in lua5.4 luajit; do
  eval "$(make -s --no-print-directory env LUA=$lua)"
  $lua bench/start.lua
done
