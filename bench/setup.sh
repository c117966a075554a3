#!/bin/sh
# make bench-setup: installs the other clients of the benchmark, and wrk. The
# benchmark skips clients that are not installed.
set -u
cd "$(dirname "$0")/.."

packages='lua-curl lua-http lua-socket lua-cqueues lua-cjson wrk nodejs npm'

missing=
for package in $packages; do
  case $package in
    nodejs|npm) command -v "${package%js}" >/dev/null && continue ;;
  esac
  case $(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null) in
    ?i*) ;;
    *) missing="$missing $package" ;;
  esac
done
if [ -n "$missing" ]; then
  echo "bench-setup: installing$missing"
  apt-get -q update && apt-get -q install -y --no-install-recommends $missing
fi

mkdir -p build/bench/node
if [ ! -d build/bench/node/node_modules/klaviyo-api ]; then
  echo "bench-setup: installing klaviyo-api 13.0.0 below build/bench/node"
  npm install --prefix build/bench/node --no-audit --no-fund --no-save \
    klaviyo-api@13.0.0
fi
