#!/bin/sh
# Runs fuzz targets (spec/fuzz/*.c, built by make), two at a time, each for SECONDS.
# A target starts from its seeds (spec/fuzz/seeds/TARGET) and from the inputs that
# earlier runs found (build/fuzz/corpus/TARGET). Keeps an input that fails, and
# prints its path and its bytes (base64): BINARY PATH runs it again. Add it to the
# seeds when the bug is fixed.
#
#   tools/fuzz.sh SECONDS TARGET...
set -u
cd "$(dirname "$0")/.." || exit 1

if [ "$1" != -- ]; then
  export SECONDS_EACH="$1"
  shift
  mkdir -p build/fuzz/broken
  printf '%s\n' "$@" | xargs -n 1 -P "${JOBS:-2}" "$0" --
  exit # with the status of xargs: 0 if all targets passed
fi

target=$2
corpus=build/fuzz/corpus/$target
seeds=spec/fuzz/seeds/$target
log=build/fuzz/$target.log
dictionary=spec/fuzz/$target.dict
mkdir -p "$corpus"
[ -d "$seeds" ] || seeds=
[ -f "$dictionary" ] && dictionary=-dict=$dictionary || dictionary=

UBSAN_OPTIONS=print_stacktrace=1 "build/fuzz/$target" \
  -max_total_time="$SECONDS_EACH" -timeout=5 -rss_limit_mb=1024 -max_len=4096 \
  -artifact_prefix="build/fuzz/broken/$target-" -print_final_stats=1 \
  $dictionary "$corpus" $seeds >"$log" 2>&1
status=$?
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
if [ "$status" -eq 0 ]; then
  echo "fuzz: $target: $runs inputs, no failure"
  exit 0
fi
echo "fuzz: $target: broken (exit status $status; see $log)"
grep -E 'does not hold|^SUMMARY|runtime error|Test unit written|^Base64' "$log"
sed -n 's/.*Test unit written to \(.*\)/fuzz: run it again: build\/fuzz\/'"$target"' \1/p' "$log"
exit 1
