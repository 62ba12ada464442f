#!/usr/bin/env bash
# What an environment has not got yet, as lines for GITHUB_OUTPUT: `frontend=true|false` and `workers=[...]`.
# usage: changed.sh EVERYTHING < RUNS
# RUNS are the environment's ended deployments, the latest first, as lines "conclusion commit". All are compared with
# down to the last successful one: a run that failed or was cancelled may have deployed a part. Without a successful
# run, or where a commit is not known here (a deleted branch, a rewritten one), everything counts as changed.
set -euo pipefail
everything=${1:-false}

all() {
  printf 'frontend=true\nworkers=["restoration","reframing","segmentation"]\n'
  exit 0
}

[ "$everything" != true ] || all
commits=() succeeded=false
while read -r conclusion commit; do
  [ -n "$commit" ] || continue
  [ "$conclusion" != skipped ] || continue
  git cat-file -e "$commit^{commit}" 2> /dev/null || all
  commits+=("$commit")
  if [ "$conclusion" = success ]; then
    succeeded=true
    break
  fi
done
[ "$succeeded" = true ] || all

changed() {
  local commit
  for commit in "${commits[@]}"; do
    git diff --quiet "$commit" HEAD -- "$@" || return 0
  done
  return 1
}

if changed functions/reefsteps; then all; fi # in every image
frontend=false
if changed frontend .dockerignore; then frontend=true; fi
workers=()
for worker in restoration reframing segmentation; do
  if changed "functions/$worker" functions/.dockerignore; then workers+=("\"$worker\""); fi
done
printf 'frontend=%s\nworkers=[%s]\n' "$frontend" "$(IFS=,; echo "${workers[*]-}")"
