#!/usr/bin/env bash
# Writes every lock file: names, versions, hashes. One resolution (dev) constrains the others, so that a
# handler runs in the image with the very versions that the tests ran with.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { # compile SOURCE TARGET [CONSTRAINT]
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-index-url --no-emit-find-links ${3:+--constraint "$3"} "$1" --output-file "$2"
}
compile requirements/dev.in requirements/dev.txt
compile requirements/local.in requirements/local.txt requirements/dev.txt
for source in functions/*/requirements.in frontend/requirements.in; do
  compile "$source" "${source%.in}.txt" requirements/dev.txt
done
compile requirements/checkov.in requirements/checkov.txt
