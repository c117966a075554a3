#!/bin/sh
# Installs the packages for building and testing that are missing, by apt. If all
# are installed, it only asks dpkg, and works offline.
#
#   tools/setup.sh [all]     all: also the Luas that only .ci/run uses
set -eu

# gcc only recommends libc6-dev, and apt is called without recommendations.
packages='
  gcc libc6-dev clang libclang-rt-dev make pkg-config git ca-certificates
  libcurl4-openssl-dev libssl-dev libsqlite3-dev libhiredis-dev
  liblua5.4-dev liblua5.1-0-dev
  lua5.4 lua5.1 lua-argparse lua-cjson lua-socket lua-cqueues lua-busted lua-check
  luarocks
  nginx libnginx-mod-http-lua redis-server openssl curl valgrind
  tmux
'
# Debian's ngx_lua uses OpenResty's LuaJIT. In Debian 12 it is luajit2, and luajit
# is another one; in Debian 13 it is luajit.
luajit2='luajit2 libluajit2-5.1-dev'
luajit='luajit libluajit-5.1-dev'
# specs run under Lua 5.3, and see that Lua 5.2 is refused
others='lua5.3 liblua5.3-dev lua5.2'
[ "${1:-}" != all ] || packages="$packages $others"

# Without apt, installs nothing: names what the demo needs and is not there.
look_elsewhere() {
  missing=
  for program in cc "${PKG_CONFIG:-pkg-config}" curl openssl; do
    command -v "$program" >/dev/null || missing="$missing $program"
  done
  PATH="$PATH:/usr/local/sbin:/usr/sbin:/usr/local/openresty/nginx/sbin"
  command -v nginx >/dev/null || command -v openresty >/dev/null ||
    missing="$missing nginx"
  for library in libcurl libcrypto; do
    "${PKG_CONFIG:-pkg-config}" --exists "$library" 2>/dev/null ||
      missing="$missing $library"
  done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  look_elsewhere
  [ -n "$missing" ] || exit 0
  echo "setup: missing:$missing" >&2
  echo "setup: only Debian's packages are installed; on other systems install" \
    "those with these or similar names:" $packages $luajit >&2
  exit 1
fi

installed() {
  case $(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null) in
    ?i*) ;;
    *) return 1 ;;
  esac
}

# sets $missing
look() {
  # `show` succeeds without output for a name that another package replaces
  if installed luajit2 || apt-cache show luajit2 2>/dev/null | grep -q .; then
    wanted="$packages $luajit2"
  else
    wanted="$packages $luajit"
  fi
  missing=
  for package in $wanted; do
    installed "$package" || missing="$missing $package"
  done
}

look
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "setup: missing:$missing" >&2
  echo "setup: run  sudo apt-get update && sudo apt-get install -y" \
    "--no-install-recommends$missing" >&2
  exit 1
fi

# Only the programs nginx and redis-server are needed, not their services on ports
# 80 and 6379: a policy keeps dpkg from starting them. An existing policy is
# restored afterwards.
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

# prints the output of apt-get only if it fails
apt() {
  if ! apt-get -q -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" \
    >"$log" 2>&1; then
    cat "$log" >&2
    echo "setup: apt-get $* failed" >&2
    exit 1
  fi
}
export DEBIAN_FRONTEND=noninteractive
apt update
look # apt may have had no package lists before the update
echo "setup: installing$missing"
apt install -y --no-install-recommends $missing

# what this script installed must not start at boot
for service in nginx redis-server; do
  case " $missing " in
    *" $service "*)
      if command -v update-rc.d >/dev/null; then
        update-rc.d "$service" disable >/dev/null 2>&1 || :
      fi ;;
  esac
done
