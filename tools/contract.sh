#!/bin/sh
# Judges what goes over the wire by the service's own OpenAPI documents, where
# they and the judge (a Node program) stand beside the repository.
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
