#!/bin/sh
# Fetches promtool below build/, from Debian's package prometheus, which is not
# installed: it brings a service. The specs of klaviyo.metrics check their texts by
# it, and are pending without it.
set -eu
cd "$(dirname "$0")/.."

dir=build/promtool
if command -v promtool >/dev/null || [ -x "$dir/promtool" ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "promtool: it is missing: install Prometheus" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
echo "promtool: fetching it below $dir"
if ! (cd "$work" && apt-get -q download prometheus) >"$work/log" 2>&1; then
  tail -n 3 "$work/log" >&2
  exit 1
fi
mkdir -p "$dir"
dpkg-deb -x "$work"/prometheus_*.deb "$work/root"
mv "$work/root/usr/bin/promtool" "$dir/promtool"
