#!/bin/sh
# Adds revisions of the API from their OpenAPI documents, and checks those that are
# there. LUA is an interpreter that has the core.
#
#   tools/revisions.sh SPEC.json …           writes the data files, the index, the
#                       generated documentation and the types, and an entry of
#                       CHANGELOG.md
#   tools/revisions.sh --check DIRECTORY     compares the data files of every
#                       revision with those generated from DIRECTORY/DATE.json
set -eu
cd "$(dirname "$0")/.."
revisions=lua/klaviyo/operations/revisions
LUA=${LUA:-lua5.4}
export LUA_PATH="$PWD/lua/?.lua;$PWD/lua/?/init.lua;$PWD/tools/?.lua;${LUA_PATH:-;}"

# The newest stable revision with a document.
documented() { "$LUA" -e 'print(require("klaviyo.operations.revisions.index").documented)'; }

# The beta revision that a provisional one is made from; nothing for others.
beta_of() {
  DATE=$1 "$LUA" - <<'END'
local index, date = require "klaviyo.operations.revisions.index", os.getenv "DATE"
local before
for _, known in ipairs(index) do
  before = known < date and not index.provisional[known] and known or before
end
print(index.provisional[date] and before .. ".pre" or "")
END
}

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
    beta=$(beta_of "$date")
    becomes=${beta:+$date}
    [ -z "$beta" ] || document=$2/$beta.json
    if [ ! -f "$document" ]; then
      echo "revisions: $date is not checked, no $document"
      continue
    fi
    "$LUA" tools/revision.lua "$document" "$made" $becomes >/dev/null
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

[ $# -gt 0 ] && [ -n "$1" ] || { echo "make revision SPEC=openapi.json"; exit 2; }
for spec; do
  before=$(documented)
  made=$("$LUA" tools/revision.lua "$spec" "$revisions")
  echo "$made"
  date=$(basename "${made%%.lua*}" | sed 's/-pre$/.pre/')
  "$LUA" tools/revision_entry.lua index "$date"
  now=$(documented)
  if [ "$now" != "$before" ] && [ -d "types/klaviyo-$before" ]; then
    # only the newest revision has types of its own beside the default one
    rm -r "types/klaviyo-$before"
    sed "s|types/klaviyo-$before|types/klaviyo-$now|g" docs/guide.md >docs/guide.md.new
    mv docs/guide.md.new docs/guide.md
  fi
  "$LUA" -e 'require("reference").main()' -e 'require("types").main()'
  echo "docs/ types/"
  "$LUA" tools/revision_entry.lua changelog "$date"
done
