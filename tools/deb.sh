#!/bin/sh
# make deb: a Debian source package and the packages lua-klaviyo,
# lua-klaviyo-outbox, lua-klaviyo-redis and klaviyo-cli, from what `make dist`
# packs and packaging/debian, in build/deb. Needs dpkg-dev and the packages that dpkg-buildpackage names; looks
# at the result with lintian, where it is installed.
set -eu
cd "$(dirname "$0")/.."
./tools/dist.sh >/dev/null
version=$(lua5.4 -e 'io.write(dofile "lua/klaviyo/version.lua")')
packaged=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
if [ "${packaged%-*}" != "$version" ]; then
  echo "deb: packaging/debian/changelog is of $packaged, not of $version" >&2
  exit 1
fi

rm -rf build/deb
mkdir -p build/deb
cd build/deb
cp "../klaviyo-$version.tar.gz" "lua-klaviyo_$version.orig.tar.gz"
tar -xzf "lua-klaviyo_$version.orig.tar.gz"
cd "klaviyo-$version"
cp -R packaging/debian debian
if ! dpkg-buildpackage -us -uc >../build.log 2>&1; then
  tail -n 40 ../build.log
  exit 1
fi
cd ..
if command -v lintian >/dev/null; then
  lintian --fail-on error --allow-root "lua-klaviyo_$packaged"_*.changes
else
  echo "deb: no lintian, so nothing was looked at"
fi
ls ./*.deb ./*.dsc
