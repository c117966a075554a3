#!/bin/sh
# make contract: runs the client against the validator, under both interpreters.
#
#   spec/contract/run.sh DIRECTORY [reference] [command] [revision ...]
set -eu
cd "$(dirname "$0")/../.."

if ! command -v nginx >/dev/null && [ ! -x /usr/sbin/nginx ]; then
  echo "contract: needs nginx (make setup)"
  exit 1
fi
PATH=$PATH:/usr/sbin
export PATH

for lua in lua5.4 luajit; do
  make --no-print-directory -s build LUA="$lua"
done
exec node spec/contract/run.js "$@"
