#!/bin/sh
# Validates the client's requests by the service's OpenAPI documents, if they
# and the validator (a Node program) are beside the repository.
set -eu
cd "$(dirname "$0")/.."

oracle=${KLAVIYO_ORACLE:-../shared}
if [ ! -f "$oracle/contract/validate.js" ]; then
  echo "contract: skipped, no $oracle/contract/validate.js"
  exit 0
fi
if ! command -v node >/dev/null; then
  echo "contract: skipped, no node"
  exit 0
fi

exec spec/contract/run.sh "$oracle"
