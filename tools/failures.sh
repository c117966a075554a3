#!/bin/sh
# Prints why a step failed, from its output: the name and the message of each spec
# that failed, else the last lines. The lines begin with "! ", so that a program
# that runs this one finds them, and repeats them at its own end: often only the
# end of an output is kept.
#
#   tools/failures.sh STEP FILE [LINES]
set -u
step=$1 file=$2 limit=${3:-24}

# what a program in this step has found
found() {
  grep -a '^! ' "$file"
}

# Two lines for each block that tools/spec.sh prints after the line of its file.
specs() {
  awk '
    function print_failure() {
      if (test != "")
        print "! " file ": " test "\n!   " message
      is_open = 0; test = message = ""
    }
    /^ *[0-9.]+ s  [^ ]+_spec\.lua: / { print_failure(); file = $3; sub(/:$/, "", file); next }
    /^(Failure|Error) -> / { print_failure(); is_open = 1; next }
    /^Pending -> / || /^[0-9]+ success(es)? \/ / || /^make(\[[0-9]+\])?: / { print_failure() }
    !is_open || !NF { next }
    test == "" { test = $0; next }
    length(message) < 400 { message = message (message == "" ? "" : " | ") $0 }
    END { print_failure() }' "$file"
  grep -aE '^SUMMARY: |: runtime error: |^WARNING: ThreadSanitizer' "$file" |
    sort | uniq | head -n 5 | sed 's/^/! /'
}

ending() {
  grep -av '^ *$' "$file" | tail -n 12 | sed 's/^/!   /'
}

echo "! failed: $step"
for kind in found specs ending; do
  lines=$($kind | cut -c 1-300)
  [ -z "$lines" ] || break
done
[ -n "$lines" ] || exit 0
printf '%s\n' "$lines" | head -n "$limit"
left=$(($(printf '%s\n' "$lines" | wc -l) - limit))
[ "$left" -le 0 ] || echo "! and $left more lines"
