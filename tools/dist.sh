#!/bin/sh
# make dist: packs all tracked files as build/klaviyo-VERSION.tar.gz, and for each
# rockspec a source rock that contains everything it needs. The same tree always
# results in the same bytes.
set -eu
cd "$(dirname "$0")/.."
version=$(lua5.4 -e 'io.write(dofile "lua/klaviyo/version.lua")')
name=klaviyo-$version
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export LC_ALL=C TZ=UTC

mkdir -p build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

git ls-files -z | sort -z | tar --no-recursion --null --files-from=- \
  --transform="s|^|$name/|S" --owner=0 --group=0 --numeric-owner \
  --mode=u=rwX,go=rX --mtime="@$epoch" --format=ustar -cf "$work/$name.tar"
gzip -9 -n "$work/$name.tar"
cp "$work/$name.tar.gz" build/
echo "build/$name.tar.gz"

# The rockspec of a release has another version and source URL.
for scm in rockspec/*-scm-1.rockspec; do
  rock=$(basename "$scm" -scm-1.rockspec)-$version-1
  sed -e "s|^version = \"scm-1\"|version = \"$version-1\"|" \
    -e "s|^  url = \"git+\(.*\)\.git\",|  url = \"\1/releases/download/v$version/$name.tar.gz\",\n  dir = \"$name\",|" \
    "$scm" >"$work/$rock.rockspec"
  grep -q "^version = \"$version-1\"" "$work/$rock.rockspec"
  grep -q "^  url = \"https:.*/$name.tar.gz\"" "$work/$rock.rockspec"
  cp "$work/$rock.rockspec" build/
  chmod 644 "$work/$rock.rockspec" "$work/$name.tar.gz"
  touch -d "@$epoch" "$work/$rock.rockspec" "$work/$name.tar.gz"
  rm -f "$work/$rock.src.rock"
  (cd "$work" && zip -q -X "$rock.src.rock" "$rock.rockspec" "$name.tar.gz")
  cp "$work/$rock.src.rock" build/
  echo "build/$rock.src.rock"
done
