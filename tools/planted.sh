#!/bin/sh
# Checks that the fuzz targets find bugs: plants each bug of spec/fuzz/planted in a
# copy of the sources, and runs its target for up to a minute.
set -eu
cd "$(dirname "$0")/.."

copy=build/planted
rm -rf "$copy"
mkdir -p "$copy/spec"
cp -R Makefile mk csrc tools "$copy"
cp -R spec/fuzz "$copy/spec"
bad=0
while read -r target file change; do
  case $target in \#* | '') continue ;; esac
  sed -E "$change" "$file" >"$copy/$file"
  if cmp -s "$file" "$copy/$file"; then
    echo "planted: $target: the change does not apply to $file: $change"
    bad=1
    continue
  fi
  began=$(date +%s)
  make --no-print-directory -C "$copy" fuzz SECONDS=60 TARGET="$target" \
    </dev/null >"$copy/$target.txt" 2>&1 || :
  if grep -q "^fuzz: $target: broken" "$copy/$target.txt"; then
    echo "planted: $target: found in $(($(date +%s) - began)) s, including the build"
  else
    echo "planted: $target: not found; see $copy/$target.txt"
    bad=1
  fi
  cp "$file" "$copy/$file"
done <spec/fuzz/planted
exit $bad
