#!/usr/bin/env bash
# What a push changed, as lines for GITHUB_OUTPUT: `frontend=true|false` and `workers=[...]`.
# usage: changed.sh BEFORE EVERYTHING; without a usable BEFORE (by hand, new branch) everything counts as changed.
set -euo pipefail
before=${1:-} everything=${2:-false}
all='["restoration","reframing","segmentation"]'

if [ "$everything" = true ] || [ -z "$before" ] || ! git cat-file -e "$before^{commit}" 2> /dev/null; then
  printf 'frontend=true\nworkers=%s\n' "$all"
  exit 0
fi

changed() { ! git diff --quiet "$before" HEAD -- "$@"; }

if changed functions/reefsteps; then # in every image
  printf 'frontend=true\nworkers=%s\n' "$all"
  exit 0
fi
frontend=false
if changed frontend; then frontend=true; fi
workers=()
for worker in restoration reframing segmentation; do
  if changed "functions/$worker" functions/.dockerignore; then workers+=("\"$worker\""); fi
done
printf 'frontend=%s\nworkers=[%s]\n' "$frontend" "$(IFS=,; echo "${workers[*]-}")"
