#!/bin/sh
# Makes revisions' data files anew, each from its OpenAPI document.
#
#   tools/catalogue.sh SPEC.json …           writes lua/klaviyo/revision/DATE.lua
#   tools/catalogue.sh --check DIRECTORY     every revision there is, from
#                       DIRECTORY/DATE.json: no difference from what is there
set -eu
cd "$(dirname "$0")/.."
revisions=lua/klaviyo/revision

made=$(mktemp)
trap 'rm -f "$made"' EXIT

if [ "${1:-}" = --check ]; then
  if [ ! -d "$2" ]; then
    echo "catalogue: not checked, no $2"
    exit 0
  fi
  status=0
  for file in $revisions/[0-9]*.lua; do
    date=$(basename "$file" .lua)
    lua5.4 tools/catalogue.lua "$2/$date.json" >"$made"
    if cmp -s "$made" "$file"; then
      echo "catalogue: $date is what its document makes"
    else
      echo "catalogue: $date is not what its document makes:"
      diff "$file" "$made" | cut -c 1-160 | head -n 20 || :
      status=1
    fi
  done
  exit $status
fi

[ $# -gt 0 ] && [ -n "$1" ] || { echo "make catalogue SPEC=openapi.json"; exit 2; }
for spec; do
  date=$(lua5.4 -e 'local file = assert(io.open(arg[1]))
    print(require("cjson").decode(file:read("a")).info.version)' - "$spec" </dev/null)
  lua5.4 tools/catalogue.lua "$spec" >"$made"
  cat "$made" >"$revisions/$date.lua"
  echo "$revisions/$date.lua"
done
