#!/bin/sh
# make test: runs all steps, even if one fails, and keeps their output in
# build/log/STEP.txt (or in $TEST_LOG). A step with specs runs alone, several files
# at a time (spec.sh); of the others, two run at a time (or $STEPS). At the end it
# repeats what failed. The last line counts the specs of all runs, and each other
# step as one. Longer checks, and other runs of these specs, are in .ci/run.
#
#   tools/test.sh [step ...]
set -u
cd "$(dirname "$0")/.." || exit 1

# long steps first, so that none runs alone at the end
steps=${*:-build-lua5.4 build-luajit spec-luajit spec-lua5.4 asan-lua5.4 \
  warnings rock lint canary}
log=${TEST_LOG:-build/log}
rm -rf "$log"
mkdir -p "$log"

# a random key, and the beginning of the secrets of OAuth, which must not appear in
# any output (see canary.lua)
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
KLAVIYO_TEST_KEY=${KLAVIYO_TEST_KEY:-pk_canary_$(random)}
KLAVIYO_TEST_OAUTH=${KLAVIYO_TEST_OAUTH:-canary$(random)}
export KLAVIYO_TEST_KEY KLAVIYO_TEST_OAUTH
# a developer's key, proxy or locale must not affect the specs
unset KLAVIYO_API_KEY http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY \
  LUA_PATH LUA_CPATH LUA_INIT LUA_PATH_5_4 LUA_CPATH_5_4 LUA_INIT_5_4
export LC_ALL=C
STEP_SECONDS=${STEP_SECONDS:-900}

# the command of a step
command_of() {
  case $1 in
    asan-*|build-*|other-*|portable-*|spec-*|tsan-*|valgrind-*)
      echo "make -s --no-print-directory ${1%%-*} LUA=${1#*-}" ;;
    canary) echo "lua5.4 tools/canary.lua $log/*.txt" ;;
    *) echo "make -s --no-print-directory $1" ;;
  esac
}

# what failed so far, at the end of the output
report() {
  [ ! -f "$log/failures" ] || cat "$log/failures"
}

running=
stop() {
  for one in $running; do
    kill "$(cat "$log/$one.pid")" 2>/dev/null
  done
  report
  for one in $running; do
    tools/failures.sh "$one (stopped before its end)" "$log/$one.txt"
  done
  exit 130
}
trap stop INT HUP TERM

# "passed failed skipped", summed over the summaries of busted in a log
sum() {
  awk '/^[0-9]+ success(es)? \/ [0-9]+ failures? \/ [0-9]+ errors? \/ / {
    gsub(/\033\[[0-9;]*m/, ""); p += $1; f += $4 + $7; s += $10; n++
  } END { print p + 0, f + 0, s + 0, n + 0 }' "$1"
}

# Writes to a file, not to a pipe: a server that outlives its spec would keep the
# pipe open, and this script waiting.
begin() {
  echo "== $1"
  date +%s >"$log/$1.began"
  (
    sh -c 'echo $$ >"$0"; exec "$@"' "$log/$1.pid" \
      timeout -k 10 "$STEP_SECONDS" $(command_of "$1")
    echo $? >"$log/$1.part"
    mv "$log/$1.part" "$log/$1.status"
  ) </dev/null >"$log/$1.txt" 2>&1 &
  running="$running $1"
}

# sets the figures of a finished step: $p passed, $f failed
count() {
  set -- "$1" "$2" $(sum "$log/$1.txt")
  p=$3 f=$4 skips=$5
  if [ "$6" -eq 0 ]; then # no specs, or specs that did not end
    p=0 f=1
    [ "$2" -ne 0 ] || p=1 f=0
  elif [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then
    f=1
  elif [ $((p + f)) -eq 0 ]; then
    echo "$1: no specs were run"
    f=1
  fi
}

# Runs files that failed once more, since a spec may fail because of others that
# run at the same time; the second result counts, and the first output is kept.
again() {
  files=$(sed -n 's/^ *[0-9.]* s  \(spec[^ ]*_spec.lua\): .* failed.*/\1/p' \
    "$log/$1.txt" | sort -u | head -n 4 | tr '\n' ' ')
  [ -n "$files" ] && [ "$f" -le 4 ] || return 1
  echo "== $1, once more:" $files
  mv "$log/$1.txt" "$log/$1.first.txt"
  first_p=$p first_f=$f
  timeout -k 10 "$STEP_SECONDS" $(command_of "$1") SPEC="$files" \
    </dev/null >"$log/$1.txt" 2>&1
  status=$?
  cat "$log/$1.txt"
  count "$1" "$status"
  if [ "$f" -eq 0 ]; then
    p=$((first_p + first_f))
  else
    p=$first_p f=$first_f
  fi
}

passed=0 failed=0 skipped=0
end() {
  status=$(cat "$log/$1.status")
  cat "$log/$1.txt"
  [ "$status" -ne 124 ] || echo "$1: stopped after $STEP_SECONDS s"
  count "$1" "$status"
  [ "$f" -eq 0 ] || again "$1" || :
  [ "$f" -eq 0 ] || tools/failures.sh "$1" "$log/$1.txt" >>"$log/failures"
  passed=$((passed + p))
  failed=$((failed + f))
  skipped=$((skipped + skips))
  echo "-- $1: $p passed, $f failed," \
    "$(($(date +%s) - $(cat "$log/$1.began"))) s"
}

# waits until fewer steps than this run
await() {
  while set -- "$1" $running && [ $# -gt "$1" ]; do
    limit=$1
    shift
    running=
    for one; do
      if [ -f "$log/$one.status" ]; then
        end "$one"
      else
        running="$running $one"
      fi
    done
    sleep 0.2
    set -- "$limit"
  done
}

for step in $steps; do
  case $step in
    # steps that others need; specs in parallel; the step that reads all logs
    *-lua*|collector|canary)
      await 1
      begin "$step"
      await 1 ;;
    *)
      await "${STEPS:-2}"
      begin "$step" ;;
  esac
done
await 1

[ "$skipped" -eq 0 ] || echo "$skipped skipped"
report
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
