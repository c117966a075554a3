#!/bin/sh
# Makes revisions' data files anew, each from its OpenAPI document.
#
#   tools/catalogue.sh SPEC.json …           writes lua/klaviyo/operations/revisions/DATE.lua
#                       and lua/klaviyo/operations/revisions/schemas/DATE.lua
#   tools/catalogue.sh --check DIRECTORY     every revision there is, from
#                       DIRECTORY/DATE.json: no difference from what is there
set -eu
cd "$(dirname "$0")/.."
revisions=lua/klaviyo/operations/revisions

if [ "${1:-}" = --check ]; then
  if [ ! -d "$2" ]; then
    echo "catalogue: not checked, no $2"
    exit 0
  fi
  made=$(mktemp -d)
  trap 'rm -rf "$made"' EXIT
  mkdir "$made/schemas"
  status=0
  for file in $revisions/[0-9]*.lua; do
    date=$(basename "$file" .lua)
    lua5.4 tools/catalogue.lua "$2/$date.json" "$made" >/dev/null
    for name in "$date" "schemas/$date"; do
      if cmp -s "$made/$name.lua" "$revisions/$name.lua"; then
        echo "catalogue: $name is what its document makes"
      else
        echo "catalogue: $name is not what its document makes:"
        diff "$revisions/$name.lua" "$made/$name.lua" | cut -c 1-160 |
          head -n 20 || :
        status=1
      fi
    done
  done
  exit $status
fi

[ $# -gt 0 ] && [ -n "$1" ] || { echo "make catalogue SPEC=openapi.json"; exit 2; }
for spec; do
  lua5.4 tools/catalogue.lua "$spec" "$revisions"
done
