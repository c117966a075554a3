#!/bin/sh
# Lints the rockspec, installs the rock into empty trees, from the sources and from
# the package of `make dist`, and runs the specs of spec/rock on the installed
# files in an empty directory. Uses no network.
set -eu
cd "$(dirname "$0")/.."
repository=$PWD
rockspec=rockspec/klaviyo-scm-1.rockspec
outbox=rockspec/klaviyo-outbox-scm-1.rockspec
redis=rockspec/klaviyo-redis-scm-1.rockspec
cli=rockspec/klaviyo-cli-scm-1.rockspec
trees=$repository/build/rock
luarocks=/usr/bin/luarocks
busted=/usr/bin/busted

rm -rf "$trees"
mkdir -p "$trees/empty"
status=0

# LuaRocks keeps a cache and a configuration in $HOME: here it is empty. The specs
# use a file for the rate limits of their own.
export HOME="$trees/home" XDG_CACHE_HOME="$trees/home" \
  KLAVIYO_RATE_LIMIT_FILE="$trees/home/rate-limits"
mkdir -m 700 "$HOME"

echo "luarocks lint"
lua5.4 $luarocks --lua-version=5.4 lint "$rockspec"
lua5.4 $luarocks --lua-version=5.4 lint "$outbox"
lua5.4 $luarocks --lua-version=5.4 lint "$redis"
lua5.4 $luarocks --lua-version=5.4 lint "$cli"

headers() {
  pkg-config --cflags-only-I "$1" | sed 's/^-I//; s/ *$//'
}

# name, version, rockspec, whether its needs are looked for. The packed rocks are
# built as for a user; these without optimization, which takes half of the time.
install() {
  echo "luarocks make: $1, ${3:-$rockspec}"
  lua5.4 $luarocks --lua-version="$2" --tree="$trees/$1" \
    make --deps-mode="${4:-none}" "${3:-$rockspec}" "LUA_INCDIR=$(headers "$1")" \
    "CFLAGS=-O0 -fPIC" >"$trees/$1.txt" 2>&1 || { cat "$trees/$1.txt"; exit 1; }
}

# CURL_DIR names a libcurl elsewhere: its headers are used, and one that is too
# old is refused with a sentence.
refuse_old_libcurl() {
  echo "luarocks make: CURL_DIR, a libcurl that is too old"
  opt=$trees/opt
  mkdir -p "$opt/include/curl" "$opt/lib"
  printf '%s\n' '#define CURLINC_CURLVER_H' \
    '#define LIBCURL_VERSION_NUM 0x075000' '#include_next <curl/curl.h>' \
    >"$opt/include/curl/curl.h"
  touch "$opt/lib/libcurl.so"
  if lua5.4 $luarocks --lua-version=5.4 --tree="$trees/old" make \
    --deps-mode=none "$rockspec" "LUA_INCDIR=$(headers lua5.4)" \
    "CURL_DIR=$opt" >"$trees/old.txt" 2>&1 ||
    ! grep -q 'klaviyo needs libcurl 7.87.0 or later' "$trees/old.txt"; then
    cat "$trees/old.txt"
    status=1
  fi
}

# Packs twice, and compares the bytes; unpacks the archive, whose specs run on the
# rocks built from it.
pack() {
  ./tools/dist.sh >"$trees/dist.txt"
  for packed in build/klaviyo*-[0-9]*.rockspec; do
    lua5.4 $luarocks --lua-version=5.4 lint "$packed"
  done
  sha256sum $(cat "$trees/dist.txt") >"$trees/dist.sums"
  (umask 077 && ./tools/dist.sh >/dev/null)
  sha256sum --quiet -c "$trees/dist.sums" || status=1
  mkdir "$trees/unpacked"
  tar -xzf "$(sed -n '/\.tar\.gz$/p' "$trees/dist.txt")" \
    -C "$trees/unpacked" --strip-components=1
}

# Builds a packed rock in an empty directory.
# name, whether its needs are looked for
install_packed() {
  echo "luarocks build: the source rock of $1"
  rock=$(sed -n "/^build\/$1-[0-9.]*-1\.src\.rock\$/p" "$trees/dist.txt")
  cp "$rock" "$trees/empty/"
  (
    cd "$trees/empty"
    lua5.4 $luarocks --lua-version=5.4 --tree="$trees/packed" \
      build --deps-mode="${2:-none}" "$(basename "$rock")" \
      "LUA_INCDIR=$(headers lua5.4)" >"$trees/packed.txt" 2>&1
  ) || { cat "$trees/packed.txt"; exit 1; }
  rm "$trees/empty/$(basename "$rock")"
}

# interpreter, tree, Lua version, directory with the sources, name of the rock's spec
use() {
  echo "$1 with the rock of $2"
  (
    cd "$trees/empty"
    KLAVIYO_ROCK="$trees/$2" LUA="$1" \
    LUA_PATH="$trees/$2/share/lua/$3/?.lua;$trees/$2/share/lua/$3/?/init.lua;;" \
    LUA_CPATH="$trees/$2/lib/lua/$3/?.so;;" \
      "$1" $busted --output=plainTerminal --pattern=_rock \
      "${4:-$repository}/spec/rock/${5:-klaviyo}_rock.lua"
  ) || status=1
  if [ -n "$(ls -A "$trees/empty")" ]; then
    echo "the empty directory is no longer empty:"
    ls -A "$trees/empty"
    status=1
  fi
}

refuse_old_libcurl
pack
install_packed klaviyo
use lua5.4 packed 5.4 "$trees/unpacked"
install lua5.4 5.4
install lua5.1 5.1
install luajit 5.1
use lua5.4 lua5.4 5.4
use luajit luajit 5.1
# LuaRocks installs for 5.1, and the program runs under LuaJIT
use luajit lua5.1 5.1
if pkg-config --exists lua5.3; then
  install lua5.3 5.3
  use lua5.3 lua5.3 5.3
else
  echo "Lua 5.3: skipped, it or its headers are not installed"
fi
# Lua 5.1 itself is not supported
refused=$(cd "$trees/empty" &&
  LUA_PATH="$trees/lua5.1/share/lua/5.1/?.lua;$trees/lua5.1/share/lua/5.1/?/init.lua;;" \
    lua5.1 -e 'print(select(2, pcall(require, "klaviyo")))')
case $refused in
  "klaviyo needs Lua 5.3, 5.4, 5.5 or LuaJIT"*) ;;
  *) echo "lua5.1 is not refused: $refused"; status=1 ;;
esac

# the outbox is a rock of its own
install lua5.4 5.4 "$outbox"
install luajit 5.1 "$outbox"
install_packed klaviyo-outbox
use lua5.4 packed 5.4 "$trees/unpacked" outbox
use lua5.4 lua5.4 5.4 "$repository" outbox
use luajit luajit 5.1 "$repository" outbox

# and limits on Redis
install lua5.4 5.4 "$redis"
install luajit 5.1 "$redis"
install_packed klaviyo-redis
use lua5.4 packed 5.4 "$trees/unpacked" redis
use lua5.4 lua5.4 5.4 "$repository" redis
use luajit luajit 5.1 "$repository" redis

# so is the command. LuaRocks writes the paths of the tree into its executable,
# unless it does not look for what the rock needs. argparse is the system's.
mkdir -p "$HOME/.luarocks"
echo 'rocks_provided = {argparse = "0.7.1-1"}' \
  | tee "$HOME/.luarocks/config-5.4.lua" >"$HOME/.luarocks/config-5.1.lua"
echo 'lua_interpreter = "luajit"' >>"$HOME/.luarocks/config-5.1.lua"
install lua5.4 5.4 "$cli" one
install luajit 5.1 "$cli" one
install_packed klaviyo-cli one
use lua5.4 packed 5.4 "$trees/unpacked" cli
use lua5.4 lua5.4 5.4 "$repository" cli
use luajit luajit 5.1 "$repository" cli
exit $status
