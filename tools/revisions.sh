#!/bin/sh
# Generates the data files of revisions from their OpenAPI documents.
#
#   tools/revisions.sh SPEC.json …           writes lua/klaviyo/operations/revisions/DATE.lua
#                       and lua/klaviyo/operations/revisions/schemas/DATE.lua
#   tools/revisions.sh --check DIRECTORY     compares the data files of every
#                       revision with those generated from DIRECTORY/DATE.json
set -eu
cd "$(dirname "$0")/.."
revisions=lua/klaviyo/operations/revisions

if [ "${1:-}" = --check ]; then
  if [ ! -d "$2" ]; then
    echo "revisions: not checked, no $2"
    exit 0
  fi
  made=$(mktemp -d)
  trap 'rm -rf "$made"' EXIT
  mkdir "$made/schemas"
  status=0
  for file in $revisions/[0-9]*.lua; do
    date=$(basename "$file" .lua)
    document=$2/$(echo "$date" | sed 's/-pre$/.pre/').json
    if [ ! -f "$document" ]; then
      echo "revisions: $date is not checked, no $document"
      continue
    fi
    lua5.4 tools/revision.lua "$document" "$made" >/dev/null
    for name in "$date" "schemas/$date"; do
      if cmp -s "$made/$name.lua" "$revisions/$name.lua"; then
        echo "revisions: $name matches its document"
      else
        echo "revisions: $name does not match its document:"
        diff "$revisions/$name.lua" "$made/$name.lua" | cut -c 1-160 |
          head -n 20 || :
        status=1
      fi
    done
  done
  exit $status
fi

[ $# -gt 0 ] && [ -n "$1" ] || { echo "make revisions SPEC=openapi.json"; exit 2; }
for spec; do
  lua5.4 tools/revision.lua "$spec" "$revisions"
done
