#!/bin/sh
# The acceptance check: in a bare Debian with git, make and certificates and
# nothing else, a clone of this repository's HEAD does what users and
# contributors do. Root only; needs debootstrap and a working apt.
#
#   tools/fresh.sh [SUITE [ARCH [target ...]]]
#
# SUITE is bookworm (default), trixie, …; ARCH is that of this machine
# (default), one that its processor runs too (i386 on amd64), or one that
# qemu-user-static runs (arm64). The targets are demo, demo-nginx, test and
# readme; on another architecture demo and the specs of the core; under qemu without those
# that measure time or memory, or need a processor of their own.
#
# FRESH_BASE=file.tar  keeps the bare system there for the next time
# FRESH_SECONDS=2400   what all targets may take together (under qemu 14400)
#
# Exit status 77: this machine cannot do it, and the last line says why.
set -eu

say() { echo "fresh: $*"; }
fail() { say "$*" >&2; exit 1; }
cannot() { say "$suite $arch cannot be tried here: $*"; exit 77; }

suite=${1:-bookworm}
here=$(dpkg --print-architecture 2>/dev/null || echo unknown)
arch=${2:-$here}
[ $# -lt 2 ] || shift
[ $# -lt 1 ] || shift
repository=$(cd "$(dirname "$0")/.." && pwd)

[ "$(id -u)" -eq 0 ] || cannot "it needs root, for a root of its own"
command -v debootstrap >/dev/null || cannot "debootstrap is missing"

# The qemu that runs programs of that architecture, or nothing.
qemu='' exclude=''
case $here-$arch in
  "$arch-$arch" | amd64-i386 | arm64-armhf) ;;
  *)
    case $arch in
      arm64) qemu=aarch64 ;;
      armhf | armel) qemu=arm ;;
      ppc64el) qemu=ppc64le ;;
      *) qemu=$arch ;;
    esac
    exclude="--exclude-tags=memory,time,native " ;;
esac
limit=${FRESH_SECONDS:-$([ -z "$qemu" ] && echo 2400 || echo 14400)}
CORE="spec/core spec/values spec/client_spec.lua spec/response spec/request"

work=$(mktemp -d)
root=$work/root
mkdir "$root"

# what still runs inside, found by its root directory
inside() {
  for process in /proc/[0-9]*; do
    if [ "$(readlink "$process/root" 2>/dev/null)" = "$root" ]; then
      echo "${process#/proc/}"
    fi
  done
}

binfmt=/proc/sys/fs/binfmt_misc
registered=
cleanup() {
  trap '' HUP INT TERM
  left=$(inside)
  [ -z "$left" ] || kill -9 $left 2>/dev/null || :
  for mounted in dev/pts dev/shm proc; do
    if mountpoint -q "$root/$mounted"; then
      umount "$root/$mounted" || umount -l "$root/$mounted" || :
    fi
  done
  [ -z "$registered" ] || echo -1 >"$registered" || :
  # never delete through a mount that would not go
  if grep -q " $root/" /proc/mounts; then
    say "left behind: $root" >&2
  else
    rm -rf "$work"
  fi
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Registers qemu with the kernel, unless it is: the kernel opens it now (F), so
# that it need not be in the root.
register_qemu() {
  if [ ! -e $binfmt/register ]; then
    mount -t binfmt_misc none $binfmt 2>/dev/null ||
      cannot "the kernel has no binfmt_misc"
  fi
  [ ! -e "$binfmt/qemu-$qemu" ] || return 0
  [ "$qemu" = aarch64 ] || cannot "qemu-$qemu is not registered in $binfmt"
  program=$(command -v qemu-aarch64-static) ||
    cannot "qemu-aarch64-static is missing (qemu-user-static)"
  # the head of an ELF file of 64 bits for AArch64, and which bits of it count
  printf %s ":klaviyo-qemu-$$:M::" \
    '\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:' \
    '\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff' \
    '\xfe\xff\xff\xff:' "$program:F" >$binfmt/register ||
    cannot "the kernel does not register $program"
  registered=$binfmt/klaviyo-qemu-$$
}
[ -z "$qemu" ] || register_qemu

# The mirror and the way to it are this machine's own; of another release it
# is taken to have what it has of ours, of another architecture the release
# itself: "uri release component".
. /etc/os-release
sources() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' |
    sed -n "s/ $VERSION_CODENAME\(-[a-z]*\)\{0,1\} / $suite\1 /p" |
    awk -v suite="$suite" -v all="$([ "$arch" != "$here" ] || echo yes)" \
      'all || $2 == suite' | sort -u
}
if [ -z "$(sources)" ]; then
  apt-get -q update || :
fi
mirror=$(sources | awk -v suite="$suite" '$2 == suite && $3 == "main" {
  print $1; exit }')
[ -n "$mirror" ] || cannot "apt here knows no mirror of Debian"
eval "$(apt-config shell proxy Acquire::http::Proxy)"
if [ -n "${proxy:-}" ] && [ "$proxy" != DIRECT ]; then
  export http_proxy="${http_proxy:-$proxy}"
fi

base=${FRESH_BASE:-}
start=$(date +%s)
if [ -n "$base" ] && [ -f "$base" ]; then
  tar -C "$root" -xf "$base"
else
  timeout "$limit" debootstrap --arch="$arch" \
    --variant=minbase --include=git,make,ca-certificates \
    "$suite" "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || {
    tail -n 20 "$work/debootstrap.log" >&2
    cannot "debootstrap failed"
  }
  if [ -n "$base" ]; then
    tar -C "$root" -cf "$base.part" . && mv "$base.part" "$base"
  fi
fi
say "bare $suite, $arch: $(($(date +%s) - start)) s"

sources | sed 's/^/deb /' >"$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(https?|Check|Retries)' \
  >"$root/etc/apt/apt.conf.d/99host" || :
for file in /etc/resolv.conf /etc/hosts; do
  cp -L "$file" "$root$file" 2>/dev/null || :
done
if [ -d /etc/apt/auth.conf.d ]; then
  cp -rL /etc/apt/auth.conf.d "$root/etc/apt/"
fi
# a mirror may be behind https of a private authority
mkdir -p "$root/usr/local/share/ca-certificates"
for file in /usr/local/share/ca-certificates/*.crt; do
  if [ -f "$file" ]; then
    cp "$file" "$root/usr/local/share/ca-certificates/"
  fi
done

mount -t proc proc "$root/proc"
[ -c "$root/dev/null" ] || mknod -m 666 "$root/dev/null" c 1 3
[ -c "$root/dev/urandom" ] || mknod -m 666 "$root/dev/urandom" c 1 9
mkdir -p "$root/dev/shm"
mount -t tmpfs -o size=256m tmpfs "$root/dev/shm"
mkdir -p "$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
[ -c "$root/dev/ptmx" ] || ln -sf pts/ptmx "$root/dev/ptmx"

enter() {
  chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 CI=true \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} \
    ${no_proxy:+no_proxy="$no_proxy"} "$@"
}

enter update-ca-certificates >/dev/null 2>&1 || :
enter apt-get -q update >"$work/update.log" 2>&1 || {
  tail -n 5 "$work/update.log" >&2
  cannot "its packages cannot be fetched"
}
git clone -q --no-hardlinks "$repository" "$root/root/klaviyo"
say "commit $(git -C "$root/root/klaviyo" rev-parse --short HEAD)"

listens() { # on port 80, either family
  awk '$4 == "0A" && $2 ~ /:0050$/' /proc/net/tcp /proc/net/tcp6 | wc -l
}
before=$(listens)

start=$(date +%s)
# make's arguments
run() {
  began=$(date +%s)
  left=$((limit - (began - start)))
  [ "$left" -gt 0 ] || fail "no time left for make $*"
  status=0
  : >"$work/output" # tail may start before make
  # to a file: a program that is left running would keep a pipe open
  (
    trap - EXIT HUP INT TERM
    enter timeout -k 10 "$left" make -C /root/klaviyo "$@" </dev/null
  ) >"$work/output" 2>&1 &
  make=$!
  tail -n +1 -s 0.2 -f --pid="$make" "$work/output"
  wait "$make" || status=$?
  say "make $*: exit $status, $(($(date +%s) - began)) s"
  [ "$status" -eq 0 ] && return
  "$repository/tools/failures.sh" "$suite, $arch: make $*" "$work/output"
  exit 1
}

if [ $# -gt 0 ]; then
  for target; do
    run "$target"
  done
elif [ "$arch" = "$here" ]; then
  for target in demo demo-nginx test readme; do
    run "$target"
  done
else
  run demo
  for lua in lua5.4 luajit; do
    run -s spec "LUA=$lua" "JOBS=2" "SPEC=$exclude$CORE"
  done
fi
if [ "$(listens)" -gt "$before" ]; then
  fail "something was left listening on port 80"
fi
if [ -n "$(inside)" ]; then
  fail "something was left running: $(inside | tr '\n' ' ')"
fi
say "passed on $suite, $arch: $(($(date +%s) - start)) s"
