#!/bin/sh
# make other LUA=lua5.3, LUA=lua5.5: runs the specs under a Lua that few systems
# have. If lua5.5 is missing, apt fetches its source from Debian sid, and that of
# the C modules that busted needs from this machine's release; the script builds
# them once, below build/lua55. If a Lua is not available, the script prints one
# line and exits with status 0.
set -eu
cd "$(dirname "$0")/.."
root=$PWD/build/lua55

skip() {
  echo "$LUA: skipped: $*"
  exit 0
}

works() {
  "$LUA" -e 'require "busted" require "cjson" require "socket"' &&
    ${PKG_CONFIG:-pkg-config} --exists "$LUA"
}

# runs apt with this machine's mirror, but with its own lists
private_apt() {
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' \
    'Created-By: Packages' | sed -n '/debian\/\{0,1\} main$/{s/ main$//p;q}')
  if [ -z "$mirror" ] || ! [ -f "$keys" ]; then
    skip "apt has no Debian mirror"
  fi
  . /etc/os-release
  cat >"$work/sources.list" <<END
deb [signed-by=$keys] $mirror sid main
deb-src [signed-by=$keys] $mirror sid main
deb-src [signed-by=$keys] $mirror $VERSION_CODENAME main
END
  cat >"$work/apt.conf" <<END
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$work/lists";
Dir::Cache "$work";
Acquire::Languages "none";
APT::Sandbox::User "root";
END
  export APT_CONFIG="$work/apt.conf"
  timeout 300 apt-get -q update >"$work/apt.log" 2>&1 ||
    skip "apt reaches no Debian sid"
}

# Unpacks the source of a package, from the first release that has it. Debian's
# patches are not needed.
source_of() { # package, releases
  package=$1
  shift
  for release; do
    (cd "$work" && timeout 120 apt-get -q source --download-only \
      "$package/$release" >>"$work/apt.log" 2>&1) || :
    archive=$(find "$work" -maxdepth 1 -name "${package}_*.orig.tar.*" \
      ! -name '*.asc' | head -n 1)
    if [ -n "$archive" ]; then
      mkdir "$work/$package"
      tar -xf "$archive" -C "$work/$package" --strip-components=1
      return
    fi
  done
  skip "no source of $package"
}

build() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  private_apt
  source_of lua5.5 sid
  for package in lua-filesystem lua-term lua-cjson luasocket; do
    source_of "$package" "$VERSION_CODENAME" sid
  done
  # older releases of these modules assign to loop variables
  (cd "$work" && timeout 120 apt-get -q download lua-busted/sid \
    lua-penlight/sid lua-luassert/sid lua-say/sid lua-mediator/sid \
    lua-cliargs/sid >>"$work/apt.log" 2>&1) || skip "no busted for it"

  rm -rf "$root"
  lib=$root/lib/lua/5.5
  mkdir -p "$root/include" "$root/bin" "$root/lib/pkgconfig" \
    "$lib/socket" "$lib/mime" "$lib/term"
  for deb in "$work"/*.deb; do dpkg -x "$deb" "$root/debian"; done
  debian=$root/debian/usr/share/lua/5.1
  shared=/usr/share/lua/5.1
  path="./?.lua;./?/init.lua;$root/lib/?.lua;$debian/?.lua;$debian/?/init.lua"
  path="$path;$shared/?.lua;$shared/?/init.lua"
  cc="${CC:-gcc} -O2 -w -fPIC -DLUA_USE_LINUX -DLUA_COMPAT_5_3"
  (
    cd "$work/lua5.5/src"
    cp lua.h luaconf.h lualib.h lauxlib.h "$root/include/"
    rm -f luac.c
    $cc -c ./*.c \
      -DLUA_PATH_DEFAULT="\"$path\"" -DLUA_CPATH_DEFAULT="\"$lib/?.so\""
    $cc -o "$root/bin/lua5.5" ./*.o -Wl,-E -lm -ldl
    rm lua.o
    $cc -shared -o "$root/lib/liblua5.5.so" ./*.o -lm -ldl
  )
  cat >"$root/lib/pkgconfig/lua5.5.pc" <<END
Name: Lua
Description: Lua 5.5
Version: 5.5
Cflags: -I$root/include
Libs: -L$root/lib -Wl,-rpath,$root/lib -llua5.5
END

  cc="$cc -shared -I$root/include"
  cd "$work"
  # an old release accepts only the versions of Lua that it knows
  sed -i 's/ && LUA_VERSION_NUM <= 504//' lua-filesystem/src/lfs.c
  $cc -o "$lib/lfs.so" lua-filesystem/src/lfs.c
  $cc -o "$lib/term/core.so" lua-term/core.c
  $cc -o "$lib/cjson.so" lua-cjson/lua_cjson.c lua-cjson/strbuf.c \
    lua-cjson/fpconv.c -lm
  cd luasocket/src
  common="buffer.c auxiliar.c options.c timeout.c io.c usocket.c"
  $cc -o "$lib/mime/core.so" mime.c compat.c
  $cc -o "$lib/socket/core.so" luasocket.c inet.c except.c select.c tcp.c \
    udp.c compat.c $common
  $cc -o "$lib/socket/unix.so" unix.c unixstream.c unixdgram.c compat.c $common
  cd "$root"
  # the functions of lua-system that busted calls
  cat >lib/system.lua <<'END'
local socket = require "socket"
return {gettime = socket.gettime, monotime = socket.gettime, sleep = socket.sleep}
END
  touch complete
}

if ! works 2>/dev/null; then
  [ "$LUA" = lua5.5 ] || skip "it, its headers or its modules are not installed"
  if ! [ -f "$root/complete" ]; then
    command -v apt-get >/dev/null || skip "neither it nor apt is installed"
    (build)
  fi
  [ -f "$root/complete" ] || exit 0 # the script has printed the reason
  export PATH="$root/bin:$PATH" \
    PKG_CONFIG_PATH="$root/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
  works || { echo "$LUA: what was built does not work" >&2; exit 1; }
fi
exec make -s --no-print-directory spec LUA="$LUA" EXTRA=-Werror SPEC="$*"
