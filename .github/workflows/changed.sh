#!/usr/bin/env bash
# What an environment has not got yet, as lines for GITHUB_OUTPUT: `frontend=true|false`, `workers=[...]`, and `left=...`
# with the names of what has changed and only `make deploy` brings.
# usage: changed.sh EVERYTHING < RUNS
# RUNS are the environment's ended deployments, the latest first, as lines "conclusion commit". All are compared with
# down to the last successful one: a run that failed or was cancelled may have deployed a part. Without a successful
# run, or where a commit is not known here (a deleted branch, a rewritten one), everything counts as changed.
set -euo pipefail
everything=${1:-false}

commits=() known=false
while read -r conclusion commit; do
  [ -n "$commit" ] || continue
  [ "$conclusion" != skipped ] || continue
  git cat-file -e "$commit^{commit}" 2> /dev/null || break
  commits+=("$commit")
  if [ "$conclusion" = success ]; then
    known=true
    break
  fi
done

changed() {
  [ "$known" = true ] || return 0
  local commit
  for commit in "${commits[@]}"; do
    git diff --quiet "$commit" HEAD -- "$@" || return 0
  done
  return 1
}

shared=false # functions/reefsteps is in every image and every zip file
if changed functions/reefsteps; then shared=true; fi
images=$shared
if [ "$everything" = true ]; then images=true; fi

frontend=$images
if changed frontend .dockerignore; then frontend=true; fi
workers=()
for worker in restoration reframing segmentation; do
  if [ "$images" = true ] || changed "functions/$worker" functions/.dockerignore; then workers+=("\"$worker\""); fi
done
left=()
for app in functions/*/app.py; do
  step=$(basename "$(dirname "$app")")
  case $step in restoration | reframing | segmentation) continue ;; esac
  if [ "$shared" = true ] || changed "functions/$step"; then left+=("$step"); fi
done
for part in registry.yaml statemachine template.yaml; do
  if [ -e "$part" ] && changed "$part"; then left+=("$part"); fi
done
printf 'frontend=%s\nworkers=[%s]\nleft=%s\n' "$frontend" "$(IFS=,; echo "${workers[*]-}")" "${left[*]-}"
