#!/bin/sh
# make bench: measures the cost of calls, compared with plain libcurl and other
# clients, and the cost of starting. The machine must be idle.
#
#   bench/run.sh [ROUNDS [WORKLOAD ...]]
#
# Workloads are those of bench/workloads.lua, start and nginx. The environment:
# ROUNDS (default 5); BASE, a file of figures to compare with; BEFORE, a commit
# that is built and compared where nginx is measured.
set -eu
cd "$(dirname "$0")/.."

# ends every nginx that the benchmark started
trap 'for pid in build/bench/*/nginx.pid; do
  [ ! -s "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || :
done' EXIT
trap 'exit 130' INT HUP TERM

# A former build for comparison, at build/bench/before/COMMIT
if [ -n "${BEFORE:-}" ]; then
  commit=$(git rev-parse --short "$BEFORE^{commit}")
  before=$PWD/build/bench/before/$commit
  if [ ! -d "$before" ]; then
    mkdir -p "$before.new"
    git archive "$commit" | tar -x -C "$before.new"
    mv "$before.new" "$before"
  fi
  make -s --no-print-directory -C "$before" build LUA=luajit
  export BEFORE="$before"
fi

eval "$(make -s --no-print-directory env LUA=lua5.4)"
LUA_PATH="$PWD/bench/?.lua;$LUA_PATH" lua5.4 bench/main.lua "$@"
