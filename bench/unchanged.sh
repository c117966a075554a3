#!/bin/sh
# make bench-unchanged BEFORE=COMMIT: what the rock klaviyo costs a program that does
# not use the other rocks, beside a former commit: the size of what is installed,
# and the instructions of the processor for the start, for a GET and for taking a
# request from the limits, as valgrind counts them. A busy machine does not change
# them; the instructions of the kernel are not among them.
set -eu
cd "$(dirname "$0")/.."
commit=$(git rev-parse --short "$BEFORE^{commit}")
before=$PWD/build/bench/before/$commit
if [ ! -d "$before" ]; then
  mkdir -p "$before.new"
  git archive "$commit" | tar -x -C "$before.new"
  mv "$before.new" "$before"
fi
work=$PWD/build/bench/unchanged
rm -rf "$work"
mkdir -p "$work"
MAKEFLAGS=
export MAKEFLAGS
for tree in "$before" "$PWD"; do
  for lua in lua5.4 luajit; do
    make -s -C "$tree" build LUA=$lua
  done
done

row() { # name, before, now
  awk -v name="$1" -v a="$2" -v b="$3" \
    'BEGIN { printf "| %s | %d | %d | %.3f |\n", name, a, b, b / a }'
}

# The bytes of what is installed from a tree, and of the core's code.
installed() {
  make -s -C "$1" install LUA=lua5.4 DESTDIR="$work/$2" PREFIX=/usr
  find "$work/$2" -type f -name "$3" -exec cat {} + | wc -c
}
code_of() {
  size "$1/build/$2/klaviyo/core.so" | awk 'NR == 2 { print $1 }'
}

# The instructions of a script: tree, Lua, the function in which they are counted or
# "", arguments of bench/subjects/unchanged.lua
instructions() {
  tree=$1 lua=$2 function=$3
  shift 3
  (
    eval "$(make -s --no-print-directory -C "$tree" env LUA="$lua")"
    export KLAVIYO_RATE_LIMIT_FILE="$work/rate-limits"
    rm -f "$KLAVIYO_RATE_LIMIT_FILE"
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
      ${function:+--toggle-collect="$function"} \
      "$lua" bench/subjects/unchanged.lua "$@" 2>"$work/valgrind.txt" ||
      { cat "$work/valgrind.txt" >&2; exit 1; }
    sed -n 's/^==[0-9]*== Collected : //p' "$work/valgrind.txt"
  )
}

# The least of three such counts: what a call waits for may take it more turns.
least() {
  for _ in 1 2 3; do
    instructions "$@"
  done | sort -n | head -n 1
}

# The difference between two such counts, divided by a number.
between() { # tree, Lua, how many, less, more
  less=$(least "$1" "$2" "" $4)
  more=$(least "$1" "$2" "" $5)
  echo $(((more - less) / $3))
}

# It ends with this script.
eval "$(make -s --no-print-directory sandbox ARGS="profiles=5 detach" LUA=luajit)"
trap 'curl -s -X POST "$KLAVIYO_BASE_URL/__sandbox/quit" >/dev/null' EXIT

echo "| | $commit | now | ratio |"
echo "| --- | --- | --- | --- |"
row "bytes of the Lua files" "$(installed "$before" before '*.lua')" \
  "$(installed "$PWD" now '*.lua')"
row "bytes of the core's code, Lua 5.4" "$(code_of "$before" lua5.4)" \
  "$(code_of "$PWD" lua5.4)"
for lua in lua5.4 luajit; do
  title=$([ $lua = luajit ] && echo LuaJIT || echo "Lua 5.4")
  row "instructions of the start, $title" \
    "$(between "$before" $lua 1 linked new)" "$(between "$PWD" $lua 1 linked new)"
  row "instructions of a GET, $title" \
    "$(between "$before" $lua 400 "calls 50" "calls 450")" \
    "$(between "$PWD" $lua 400 "calls 50" "calls 450")"
done
row "instructions of taking a request" \
  $(($(instructions "$before" lua5.4 budget_take calls 200) / 200)) \
  $(($(instructions "$PWD" lua5.4 budget_take calls 200) / 200))
