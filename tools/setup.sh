#!/bin/sh
# Installs by apt what building and testing need, and only what is missing:
# with everything there it asks dpkg and is done, offline.
set -eu

# libc6-dev is only recommended by gcc, and recommendations are not taken.
# luajit2 is the LuaJIT that Debian's ngx_lua is linked with.
packages='
  gcc libc6-dev clang libclang-rt-dev make pkg-config git ca-certificates
  libcurl4-openssl-dev libssl-dev libsqlite3-dev
  liblua5.4-dev libluajit2-5.1-dev liblua5.1-0-dev
  lua5.4 luajit2 lua5.1 lua-cjson lua-socket lua-cqueues lua-busted lua-check
  luarocks
  nginx libnginx-mod-http-lua openssl curl valgrind
'

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: this is made for Debian; elsewhere install, by what name it" \
    "may have there:" $packages >&2
  exit 1
fi

missing=
for package in $packages; do
  state=$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null || :)
  case $state in
    ?i*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" -ne 0 ]; then
  echo "setup: missing:$missing" >&2
  echo "setup: run  sudo apt-get update && sudo $install" >&2
  exit 1
fi

# Only nginx the program is wanted, not the service on port 80: while we
# install, nobody starts one. An existing policy is put back as it was.
policy=/usr/sbin/policy-rc.d
kept=
log=$(mktemp)
restore() {
  rm -f "$log"
  if [ -n "$kept" ]; then
    mv -f "$kept" "$policy"
  else
    rm -f "$policy"
  fi
}
trap restore EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -e "$policy" ] || [ -h "$policy" ]; then
  mv -f "$policy" "$policy.before-setup"
  kept=$policy.before-setup
fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

# quiet unless it goes wrong
apt() {
  if ! apt-get -q -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" \
    >"$log" 2>&1; then
    cat "$log" >&2
    echo "setup: apt-get $* failed" >&2
    exit 1
  fi
}
export DEBIAN_FRONTEND=noninteractive
echo "setup: installing$missing"
apt update
apt ${install#apt-get }

# nor shall it start with the machine, if we are those who brought it
case " $missing " in
  *' nginx '*)
    if command -v update-rc.d >/dev/null; then
      update-rc.d nginx disable >/dev/null 2>&1 || :
    fi ;;
esac
