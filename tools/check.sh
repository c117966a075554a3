#!/bin/sh
# Runs clang-tidy (.clang-tidy) and cppcheck on the C sources, as compiled for
# Linux and for other systems.
set -u
cd "$(dirname "$0")/.."

sources=$(git ls-files --cached --others --exclude-standard 'csrc/*.c')
version='-DKLAVIYO_VERSION="0"' # the Makefile passes the real one
flags="-Icsrc -std=c99 -D_GNU_SOURCE=1 $version $(pkg-config --cflags lua5.4 libcurl libcrypto sqlite3)"
portable=$(grep -l KLAVIYO_PORTABLE $sources)
status=0

tidy() { # name, flag, sources
  echo "clang-tidy, $1"
  flag=$2
  shift 2
  clang-tidy --quiet "$@" -- $flags "$flag" 2>"$errors" || {
    grep -v " warnings generated" "$errors" >&2
    status=1
  }
}

# Suppressed: variables declared at the top; the signatures of callbacks;
# conditions that cppcheck believes constant, since it does not see the effects
# of a call.
check() { # name, flag
  echo "cppcheck, $1"
  cppcheck --quiet --std=c99 --error-exitcode=1 --inline-suppr \
    --enable=warning,style,performance,portability \
    --suppress=missingIncludeSystem --suppress=variableScope \
    --suppress=constParameter --suppress=constParameterCallback \
    --suppress=knownConditionTrueFalse -Icsrc -D_GNU_SOURCE=1 $version $2 $sources || status=1
}

if command -v clang-tidy >/dev/null; then
  errors=$(mktemp)
  trap 'rm -f "$errors"' EXIT
  tidy Linux -D__linux__=1 $sources
  tidy elsewhere -DKLAVIYO_PORTABLE $portable
else
  echo "check: skipped, no clang-tidy"
fi
if command -v cppcheck >/dev/null; then
  check Linux -D__linux__=1
  check elsewhere -DKLAVIYO_PORTABLE
else
  echo "check: skipped, no cppcheck"
fi
exit $status
