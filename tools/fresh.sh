#!/bin/sh
# The acceptance check: runs `make demo` and then `make test` in a clone of this
# repository's HEAD, in a bare Debian with git, make and certificates only. It
# needs root, debootstrap and a working apt.
#
#   tools/fresh.sh [target ...]      other targets than demo and test
#
# SUITE=trixie         uses another release than bookworm
# FRESH_BASE=file.tar  keeps the bare system in this file for the next run
# FRESH_SECONDS=900    the time limit for all targets together
set -eu

suite=${SUITE:-bookworm}
targets=${*:-demo test}
limit=${FRESH_SECONDS:-900}
repository=$(cd "$(dirname "$0")/.." && pwd)

say() { echo "fresh: $*"; }
fail() { say "$*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || fail "must run as root: it uses chroot"
command -v debootstrap >/dev/null || fail "debootstrap is missing"

work=$(mktemp -d)
root=$work/root
mkdir "$root"

# prints the pids of processes with this root directory
inside() {
  for process in /proc/[0-9]*; do
    if [ "$(readlink "$process/root" 2>/dev/null)" = "$root" ]; then
      echo "${process#/proc/}"
    fi
  done
}

cleanup() {
  trap '' HUP INT TERM
  left=$(inside)
  [ -z "$left" ] || kill -9 $left 2>/dev/null || :
  for mounted in dev/shm proc; do
    if mountpoint -q "$root/$mounted"; then
      umount "$root/$mounted" || umount -l "$root/$mounted" || :
    fi
  done
  # never delete through a mount that could not be removed
  if grep -q " $root/" /proc/mounts; then
    say "not deleted, still mounted: $root" >&2
  else
    rm -rf "$work"
  fi
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Prints "uri release component" of this machine's mirror. For another release,
# the mirror is assumed to have the same components.
. /etc/os-release
sources() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' |
    sed -n "s/ $VERSION_CODENAME\(-[a-z]*\)\{0,1\} / $suite\1 /p" | sort -u
}
if [ -z "$(sources)" ]; then
  apt-get -q update
fi
mirror=$(sources | awk -v suite="$suite" '$2 == suite && $3 == "main" {
  print $1; exit }')
[ -n "$mirror" ] || fail "apt has no mirror of Debian"
eval "$(apt-config shell proxy Acquire::http::Proxy)"
if [ -n "${proxy:-}" ] && [ "$proxy" != DIRECT ]; then
  export http_proxy="${http_proxy:-$proxy}"
fi

base=${FRESH_BASE:-}
start=$(date +%s)
if [ -n "$base" ] && [ -f "$base" ]; then
  tar -C "$root" -xf "$base"
else
  timeout 900 debootstrap --variant=minbase --include=git,make,ca-certificates \
    "$suite" "$root" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; fail "debootstrap failed"; }
  if [ -n "$base" ]; then
    tar -C "$root" -cf "$base.part" . && mv "$base.part" "$base"
  fi
fi
say "bare system: $(($(date +%s) - start)) s"

sources | sed 's/^/deb /' >"$root/etc/apt/sources.list"
apt-config dump | grep -E '^Acquire::(https?|Check|Retries)' \
  >"$root/etc/apt/apt.conf.d/99host" || :
for file in /etc/resolv.conf /etc/hosts; do
  cp -L "$file" "$root$file" 2>/dev/null || :
done
if [ -d /etc/apt/auth.conf.d ]; then
  cp -rL /etc/apt/auth.conf.d "$root/etc/apt/"
fi
# a mirror may have a certificate of a private authority
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

enter() {
  chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 CI=true \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${http_proxy:+http_proxy="$http_proxy"} \
    ${https_proxy:+https_proxy="$https_proxy"} \
    ${no_proxy:+no_proxy="$no_proxy"} "$@"
}

enter update-ca-certificates >/dev/null 2>&1 || :
git clone -q --no-hardlinks "$repository" "$root/root/klaviyo"
say "commit $(git -C "$root/root/klaviyo" rev-parse --short HEAD)"

listens() { # on port 80, either family
  awk '$4 == "0A" && $2 ~ /:0050$/' /proc/net/tcp /proc/net/tcp6 | wc -l
}
before=$(listens)

start=$(date +%s)
for target in $targets; do
  began=$(date +%s)
  left=$((limit - (began - start)))
  [ "$left" -gt 0 ] || fail "no time left for make $target"
  status=0
  (
    trap - EXIT HUP INT TERM
    enter timeout -k 10 "$left" make -C /root/klaviyo "$target" </dev/null
  ) || status=$?
  say "make $target: exit $status, $(($(date +%s) - began)) s"
  [ "$status" -eq 0 ] || exit 1
done
if [ "$(listens)" -gt "$before" ]; then
  fail "a process still listens on port 80"
fi
if [ -n "$(inside)" ]; then
  fail "processes still run: $(inside | tr '\n' ' ')"
fi
say "passed: $targets, $(($(date +%s) - start)) s"
