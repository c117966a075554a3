#!/bin/sh
# make bench: what is measured, under both interpreters.
set -eu
cd "$(dirname "$0")/.."

status=0
for lua in lua5.4 luajit; do
  make -s --no-print-directory build LUA=$lua
  eval "$(make -s --no-print-directory env LUA=$lua)"
  $lua bench/start.lua "$@" || status=1
  $lua bench/posts.lua || status=1
  $lua bench/pages.lua || status=1
done
exit $status
