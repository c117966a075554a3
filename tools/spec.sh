#!/bin/sh
# Runs spec files in parallel, each in a process with rate limits of its own:
#
#   tools/spec.sh COMMAND ... -- [option of busted | file | folder] ...
#
# COMMAND runs busted, such as "lua5.4 /usr/bin/busted". The slowest files of the
# last run start first. Specs tagged #alone run afterwards, one file at a time.
# Prints one line per file, the other output of each file, and a summary in
# busted's form. A process that crashes, or runs for longer than $SPEC_SECONDS,
# counts as an error.
#
#   SPEC_RUN=build/run   where output, times and rate limits are kept
#   JOBS=8               how many files run at a time; most of them wait
set -u
SPEC_SECONDS=${SPEC_SECONDS:-600}

now() { date +%s.%N; }

# The results of one process: "successes failures errors pending".
results() {
  awk '/^[0-9]+ success(es)? \/ [0-9]+ failures? \/ [0-9]+ errors? \/ / {
    s += $1; f += $4; e += $7; p += $10; n++
  } END { if (n) print s, f, e, p }' "$1"
}

# --one TAGS FILE COMMAND ...
if [ "${1:-}" = --one ]; then
  tags=$2 file=$3
  shift 3
  own=$SPEC_RUN/$(echo "$file" | tr / .).${tags%%=*}
  rm -rf "$own"
  mkdir -m 700 "$own"
  began=$(now)
  KLAVIYO_RATE_LIMIT_FILE=$own/rate-limits \
    timeout --foreground -k 10 "$SPEC_SECONDS" \
    "$@" "$tags" "$file" </dev/null >"$own/output" 2>&1
  status=$?
  seconds=$(echo "$began $(now)" | awk '{ printf "%.1f", $2 - $1 }')
  set -- $(results "$own/output")
  if [ $# -eq 0 ] || { [ "$status" -ne 0 ] && [ $(($2 + $3)) -eq 0 ]; }; then
    printf '\nError -> %s @ 1\nexit status %s%s\n' "$file" "$status" \
      "$([ "$status" -ne 124 ] || echo ": stopped after $SPEC_SECONDS s")" \
      >>"$own/output"
    set -- "${1:-0}" "${2:-0}" "$((${3:-0} + 1))" "${4:-0}"
  fi
  # A server that outlives its spec must not keep the lock.
  {
    flock 9
    echo "$* $seconds $file" >>"$SPEC_RUN/results"
    printf '%7.1f s  %s: %s passed' "$seconds" "$file" "$1"
    [ $(($2 + $3)) -eq 0 ] || printf ', %s failed' "$(($2 + $3))"
    [ "$4" -eq 0 ] || printf ', %s pending' "$4"
    echo
    grep -Ev '^[-+*.]*$|^[0-9]+ success(es)? / [0-9]+ failures? / ' \
      "$own/output"
  } 9>>"$SPEC_RUN/lock"
  [ $(($2 + $3)) -eq 0 ]
  exit
fi

: "${SPEC_RUN:?tools/spec.sh is run by make spec}"
export SPEC_RUN SPEC_SECONDS
mkdir -p "$SPEC_RUN"
chmod 700 "$SPEC_RUN"
rm -f "$SPEC_RUN/results" "$SPEC_RUN/list"
touch "$SPEC_RUN/results" "$SPEC_RUN/times"

# The command, with the options, stays in "$@".
options='' specs=''
for word; do
  shift
  if [ "$options" ]; then
    case $word in
      -*) set -- "$@" "$word" ;;
      *) specs="$specs $word" ;;
    esac
  elif [ "$word" = -- ]; then
    options=yes
  else
    set -- "$@" "$word"
  fi
done
for spec in ${specs:-spec}; do
  if [ -d "$spec" ]; then
    find "$spec" -name '*_spec.lua'
  else
    echo "$spec"
  fi
done | awk '!seen[$0]++' >"$SPEC_RUN/files"

# The longest first; a file without a known time before all others, and of
# those the ones that are known to be slow.
slow='cli/export/kill cli/import/scale cli/export/export outbox/nginx
  webhook/receiver core/ratelimit/budget nginx/life tools/types
  nginx/oauth_example bulk/bulk cli/export/download outbox/outbox
  cli/resource docs/examples cli/export/terminal metrics/status
  gateway/connections cli/import/rejected core/http/retry gateway/gateway
  gateway/upstream cli/command/import core/http/engine operations/methods
  cli/import/interrupted sandbox/sandbox events/track gateway/control
  operations/revisions tools/words redis/relay_nginx'
awk -v slow="$slow" '
  BEGIN {
    for (n = split(slow, names); n > 0; n--)
      rank["spec/" names[n] "_spec.lua"] = 2e6 - n
  }
  FILENAME == ARGV[1] { seconds[$2] = $1; next }
  $0 in seconds { print seconds[$0], $0; next }
  { print ($0 in rank) ? rank[$0] : 1e6, $0 }' \
  "$SPEC_RUN/times" "$SPEC_RUN/files" | sort -rn | cut -d ' ' -f 2- \
  >"$SPEC_RUN/list"

began=$(now)
status=0
xargs -P "${JOBS:-8}" -I FILE "$0" --one --exclude-tags=alone FILE "$@" \
  <"$SPEC_RUN/list" || status=1
awk 'NF > 4 { print $5, $6 }' "$SPEC_RUN/results" >"$SPEC_RUN/last"
xargs grep -l '#alone' <"$SPEC_RUN/list" 2>/dev/null |
  xargs -r -I FILE "$0" --one --tags=alone FILE "$@" || status=1

# Files that did not run this time keep their last time.
awk '!seen[$2]++' "$SPEC_RUN/last" "$SPEC_RUN/times" >"$SPEC_RUN/times.new"
mv "$SPEC_RUN/times.new" "$SPEC_RUN/times"
awk -v seconds="$(echo "$began $(now)" | awk '{ print $2 - $1 }')" '
  { s += $1; f += $2; e += $3; p += $4 }
  END { printf "%d successes / %d failures / %d errors / %d pending : %.1f seconds\n",
    s, f, e, p, seconds
    exit f + e > 0 || s + p == 0 }' "$SPEC_RUN/results" || status=1
exit $status
