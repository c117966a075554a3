#!/bin/sh
# make readme: does what the README's section "In the shell" says, on a machine that
# may be changed: installs the packages and the command, starts the sandbox, and
# runs the commands. `tools/fresh.sh bookworm amd64 readme` does it in a bare Debian.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "readme: it installs packages, and needs root" >&2; exit 1; }

# Prints the number'th block of shell commands of the section.
block() {
  awk -v number="$1" '
    /^## / { inside = $0 == "## In the shell" }
    inside && /^```sh$/ { count++; shown = count == number; next }
    /^```$/ { shown = 0 }
    shown' README.md
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# this clone stands for the one of the README
block 1 | sed 's/^git clone .* && cd klaviyo && //' >"$work/install"
block 2 >"$work/commands"
grep -q '^make install' "$work/install"
grep -q '^klaviyo sandbox .*&' "$work/install"
[ "$(grep -c '^klaviyo ' "$work/commands")" -ge 5 ]

export DEBIAN_FRONTEND=noninteractive
export XDG_CONFIG_HOME="$work/config"
apt() {
  command apt-get -q -y --no-install-recommends "$@" >"$work/apt.log" 2>&1 ||
    { tail -n 20 "$work/apt.log"; exit 1; }
}
cat >"$work/script" <<'EOF'
. "$work/install"
tries=0
until klaviyo --account sandbox auth status >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || { echo "readme: the sandbox did not start"; exit 1; }
  sleep 0.5
done
while read -r line; do
  echo "\$ $line"
  eval "$line"
done <"$work/commands"
kill $!
wait $! || :
[ ! -e "$XDG_CONFIG_HOME/klaviyo/accounts.json" ] ||
  ! sleep 3 || ! grep api_key "$XDG_CONFIG_HOME/klaviyo/accounts.json"
man=$(find /usr/local/share/man -name klaviyo.1)
[ -s "$man" ]
klaviyo completion bash >"$work/completion"
[ -s "$work/completion" ]
EOF
. "$work/script"
echo "readme: all commands of the README's first screen work"
